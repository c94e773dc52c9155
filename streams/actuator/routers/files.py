"""How is a file that others watch changed safely?"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.actuator.routers.lock import Hold, drafted, holding
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetTransient,
)


def read_text(path: Path) -> str:
    """The file's text; RouterErrors for what can be in the way."""
    with _told(path):
        return path.read_text(encoding="utf-8")


def replace_text(hold: Hold, text: str) -> None:
    """Put a whole new file in the place of the one that is held: readers see the old or the new.

    Keeps mode and, where allowed, owner. RouterErrors for what can be in the way.
    """
    path = hold.path
    with _told(path):
        descriptor, draft = drafted(path)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                _like(descriptor, path)
                os.fsync(descriptor)
            _put(draft, hold)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _put(draft: Path, hold: Hold) -> None:
    """Whoever breaks the lock removes drafts afterwards: one of both steps stops a late writer."""
    hold.check()
    try:
        draft.replace(hold.path)
    except FileNotFoundError as error:
        raise TargetConflict(f"{hold.path}: this write hung; others went on without it") from error


@contextmanager
def locked(path: Path) -> Iterator[Hold]:
    """Hold the lock file beside `path`, so that davy's processes on this host take turns."""
    with _told(path), holding(path) as hold:
        yield hold


def revision_of(*parts: str) -> str:
    """A short token that changes with any of the parts."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def _like(descriptor: int, path: Path) -> None:
    """Give the draft the mode and owner of the file that it replaces."""
    try:
        old = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644)
        return
    os.fchmod(descriptor, old.st_mode & 0o7777)
    with contextlib.suppress(PermissionError):  # only root may give files away
        os.fchown(descriptor, old.st_uid, old.st_gid)


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name the trouble with a file as a RouterError."""
    try:
        yield
    except RouterError:
        raise
    except FileNotFoundError as error:
        raise TargetNotFound(f"{path}: is not there; is this the file that is watched?") from error
    except PermissionError as error:
        raise TargetDenied(f"{path}: {error.strerror}; let davy write file and folder") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TargetTransient(f"{path}: {error}") from error
