"""Which real parts of the tests are at hand? Fetch or build them all, ahead of the tests.

`python -m infra.rigs.fetch` takes all, with names only these.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from infra.rigs import crds, golang, java_reader, kafka, programs, registry
from streams.errors import PartError

PARTS: dict[str, Callable[[], Path]] = {
    "kafka": kafka.install,
    "registry": registry.install,
    "avro-reader": java_reader.install,
    "crds": crds.install,
    **{program.name: partial(golang.build, program) for program in programs.ALL},
}


def main() -> int:
    """Print one line per part; 1 if one is missing."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is named")
    names: list[str] = asked.parse_args().parts
    if strange := set(names) - set(PARTS):
        asked.error(f"no such part: {', '.join(sorted(strange))}; there are {', '.join(PARTS)}")
    missing = 0
    for name in names or PARTS:
        try:
            print(f"{name}: {PARTS[name]()}", flush=True)
        except PartError as error:
            print(f"{name}: {error}", file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
