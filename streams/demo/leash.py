"""How does a part end with the process that started it, however that one ends?

Run as a program, `leash.py PARENT COMMAND...`: asks Linux for SIGKILL at the death of the starting
thread, then becomes the command (same process id). Elsewhere it only becomes the command.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Tie this process to `argv[0]` (a process id) and become the command `argv[1:]`."""
    parent, command = int(argv[0]), argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the leash was on
            sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}; is it installed and on PATH?")


if __name__ == "__main__":
    main(sys.argv[1:])
