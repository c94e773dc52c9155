"""Where do downloaded parts live, and who fetches them when several ask at once?

`${XDG_CACHE_HOME:-~/.cache}/davy/<part>/<version>`, made once: under a file lock, in a folder
beside it that takes the final name only when it is whole.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from streams.errors import PartError

DOWNLOAD_S = 300


class Absent(PartError):  # noqa: N818 - a reason to skip rather than an error
    """A tool that a part needs is not on this machine."""


def need(*tools: str) -> None:
    """Absent where a program is not on PATH."""
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        raise Absent(f"not on PATH: {', '.join(missing)}; install them to run this part")


def made_once(part: str, version: str, make: Callable[[Path], None]) -> Path:
    """The cached folder of a part; `make` fills it when it is not there yet."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "davy" / part
    done = home / version
    if done.is_dir():
        return done
    home.mkdir(parents=True, exist_ok=True)
    with locked(home / f"{version}.lock"):
        if not done.is_dir():  # another one may have made it while this one waited
            draft = Path(tempfile.mkdtemp(prefix=f"{version}.", dir=home))
            try:
                make(draft)
                draft.rename(done)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return done


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    deadline_s: float = DOWNLOAD_S,
) -> str:
    """Run a program to its end and return what it printed; PartError with its words if it fails."""
    argv = list(map(str, command))
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PartError(
            f"{argv[0]} did not end within {deadline_s:g} s: {' '.join(argv)}"
        ) from None
    if done.returncode:
        words = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise PartError(f"{argv[0]} ended with code {done.returncode}: {' '.join(argv)}\n{words}")
    return done.stdout


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the file's lock among all processes, alone or shared; a process that ends lets go."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
