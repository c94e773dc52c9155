"""Which real parts of the tests are at hand? Fetch them all, ahead of the tests that need them."""

import sys
from collections.abc import Callable
from pathlib import Path

from infra.rigs import kafka, registry
from streams.errors import PartError

PARTS: dict[str, Callable[[], Path]] = {"kafka": kafka.install, "registry": registry.install}


def main() -> int:
    """Print one line per part; 1 if one is missing."""
    missing = 0
    for name, install in PARTS.items():
        try:
            print(f"{name}: {install()}")
        except PartError as error:
            print(f"{name}: {error}", file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
