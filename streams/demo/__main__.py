"""How is the demo started, so that Ctrl-C ends it from the first moment on?

Its imports take seconds. Nothing runs yet meanwhile, so there is nothing to clean up either.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Import the demo and run it; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from streams.demo.program import run  # noqa: PLC0415 - takes seconds

    return run()


def _leave(number: int, _: FrameType | None) -> None:
    """End at once: an exception could be caught by whatever is being imported."""
    os.write(sys.stdout.fileno(), f"stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
