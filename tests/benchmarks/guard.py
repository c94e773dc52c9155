"""How many instructions does folding a batch take? `python -m tests.benchmarks.guard`.

Seconds depend on the machine and on who else is there; what callgrind counts hardly does. Two runs,
one with more batches, leave out what the start of Python and of its packages takes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from streams.panes.facts import Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.load import parse_spec
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.store import LocalSchemaStore
from tests.load.values import ORDINARY, Maker, rows

EVENTS = 2_000
"""Of a batch."""
FEW, MANY = 2, 6
WHERE = "--fold"
START_MS = 1_790_000_000_000
SPEC = """
service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
"""
COUNTED = re.compile(r"Collected\s*:\s*(\d+)")
QUIET = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def instructions() -> float:
    """Instructions of one event: decoded, looked for among those before it, and folded."""
    with tempfile.TemporaryDirectory(prefix="davy-guard-") as name, ExitStack() as ended:
        runs = [_start(Path(name), batches) for batches in (FEW, MANY)]
        for run in runs:
            ended.callback(_end, run)
        few, many = (_counted(run) for run in runs)
    return (many - few) / ((MANY - FEW) * EVENTS)


def fold(batches: int) -> int:
    """Fold so many batches of a second each; returns how many events were accepted."""
    codec, maker = Codec(LocalSchemaStore()), Maker(Codec(LocalSchemaStore()), ORDINARY)
    clock = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=3_600_000)
    partition = PartitionFold(clock, Marker())
    partition.activate(parse_spec(SPEC).spec)
    for number in range(batches):
        first = number * EVENTS
        times = START_MS + number * 1000 + np.arange(EVENTS) * 1000 // EVENTS
        values = rows(maker.block(first, times))
        columns = decode_predictions(values, codec)
        offsets = np.arange(first, first + EVENTS)
        partition.fold(columns, times, offsets, end_offset=first + EVENTS)
    return partition.marker.accepted


def _start(folder: Path, batches: int) -> subprocess.Popen[str]:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / str(batches)}"]
    command += [sys.executable, "-m", "tests.benchmarks.guard", WHERE, str(batches)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | QUIET)


def _end(run: subprocess.Popen[str]) -> None:
    """Leave nothing running, whatever broke off."""
    run.kill()
    run.wait()
    if run.stderr is not None:
        run.stderr.close()


def _counted(run: subprocess.Popen[str]) -> int:
    _, said = run.communicate()
    found = COUNTED.search(said)
    assert run.returncode == 0, said
    assert found is not None, said
    return int(found[1])


def main() -> None:
    """Fold, or count what folding takes."""
    if sys.argv[1:2] == [WHERE]:
        assert fold(int(sys.argv[2])) == int(sys.argv[2]) * EVENTS
    else:
        print(f"{instructions():,.0f} instructions an event")


if __name__ == "__main__":
    main()
