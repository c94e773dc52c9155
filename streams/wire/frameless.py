"""Why does a worker not load pandas where that is installed? It makes no frames.

pyarrow looks for pandas when it first makes an array and when it first reads one, and imports what
it finds: a second of CPU and tens of MiB. It looks but once (its `pandas-shim.pxi`, and
`InitPandasStaticData` in C++).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa

PANDAS = "pandas"


class _Hidden(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname == PANDAS:
            raise ModuleNotFoundError(f"{PANDAS} is hidden for a moment", name=PANDAS)
        return None


def hide_pandas() -> None:
    """Let pyarrow look for pandas now, and find none.

    Others may import it later, but in this process pyarrow will not know its objects for what they
    are: for programs that hand it none. Nothing happens where pandas is loaded.
    """
    if PANDAS in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([0, None]).to_numpy(zero_copy_only=False)
    finally:
        sys.meta_path.remove(hidden)
