"""How do davy's processes on one host take turns at a file, although one of them may hang?

A lock file beside it, held for as long as a write takes. Whoever waits for too long breaks the
lock: it puts a lock file of its own in the place and removes what others had drafted. So one that
was stopped inside its write finds, when it goes on, that the lock is not its own any more, or that
its draft is gone. The draft is made first and the lock looked at then: one of the two always shows.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from streams.errors import TargetConflict

PATIENCE_S = 3.0
"""A write takes milliseconds; a disk may take long to sync."""
PAUSE_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The right to write a file now."""

    path: Path
    lock: IO[str]

    def check(self) -> None:
        """Raise TargetConflict if somebody broke the lock."""
        if not _is_current(self.lock, _lock_file(self.path)):
            raise TargetConflict(f"{self.path}: this write hung, and others went on without it")


@contextmanager
def holding(path: Path) -> Iterator[Hold]:
    """Hold the lock of a file; OSErrors of its folder pass."""
    lock = _taken(path) or _broken(path)
    with lock:  # closing it lets go
        yield Hold(path=path, lock=lock)


def drafted(path: Path) -> tuple[int, Path]:
    """A new file to write the next content to: its descriptor and its place, beside the file."""
    descriptor, name = tempfile.mkstemp(prefix=_draft_prefix(path), dir=path.parent)
    return descriptor, Path(name)


def _taken(path: Path) -> IO[str] | None:
    """The lock, as soon as it is free; None where somebody keeps it for too long."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        lock = _lock_file(path).open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            time.sleep(PAUSE_S)
            continue
        if _is_current(lock, _lock_file(path)):
            return lock
        lock.close()  # it was broken while we waited for it
    return None


def _broken(path: Path) -> IO[str]:
    """A lock in the place of the one that somebody keeps."""
    descriptor, name = tempfile.mkstemp(prefix=_lock_file(path).name, dir=path.parent)
    os.fchmod(descriptor, 0o644)
    lock = os.fdopen(descriptor, "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    Path(name).replace(_lock_file(path))
    for draft in path.parent.glob(f"{_draft_prefix(path)}*"):
        draft.unlink(missing_ok=True)
    return lock


def _is_current(lock: IO[str], place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), place.stat())
    except FileNotFoundError:
        return False


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.davy-lock")


def _draft_prefix(path: Path) -> str:
    return f".{path.name}.davy-draft-"
