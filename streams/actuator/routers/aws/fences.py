"""Who wrote last to a resource of AWS? A tag on it says so, or a locked file on this host.

No API of AWS compares before it writes, so the tag is advisory. It stops every writer that looks
at it after it was written. A writer that had looked before, and whose call arrives later, is not
stopped: from its last look it has PATIENCE_S to send its call, which may be under way for a few
seconds more. What it did shows at the next look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from streams.actuator.ports import Fence, FenceKind
from streams.actuator.routers.aws.split import Split
from streams.actuator.routers.fence_file import FenceFile
from streams.actuator.routers.lock import Hold
from streams.errors import TargetConflict, TargetDenied

TAG = "davy-fence"
PATIENCE_S = 10.0
"""How long a writer may take from its last look at the fence to its write."""


class Turn(Protocol):
    """One write under way."""

    def read(self, arn: str) -> Fence | None:
        """Who wrote last."""
        ...

    def leave(self, arn: str, fence: Fence) -> None:
        """Note that it is this one now."""
        ...

    def check(self) -> None:
        """Raise TargetConflict if this write has hung."""
        ...


class Fences(Protocol):
    """Where the fence is kept."""

    @property
    def kind(self) -> FenceKind:
        """Whom it stops."""
        ...

    def read(self, arn: str) -> Fence | None:
        """Who wrote last."""
        ...

    def turn(self) -> AbstractContextManager[Turn]:
        """Begin a write."""
        ...


class TagFences:
    """See Fences; in a tag of the resource itself."""

    kind = FenceKind.ADVISORY

    def __init__(self, split: Split, clock: Callable[[], float] = time.monotonic) -> None:
        self._split, self._clock = split, clock

    def read(self, arn: str) -> Fence | None:
        """See Fences."""
        with _advised():
            return Fence.parse(self._split.tags(arn).get(TAG, ""))

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """See Fences; nobody is kept out."""
        yield TagTurn(self, self._split, self._clock)


class TagTurn:
    """See Turn. It counts from the last look: where AWS is slow a rollback still comes through."""

    def __init__(self, fences: TagFences, split: Split, clock: Callable[[], float]) -> None:
        self._fences, self._split, self._clock = fences, split, clock
        self._looked_at = clock()

    def read(self, arn: str) -> Fence | None:
        """See Turn."""
        self._looked_at = self._clock()
        return self._fences.read(arn)

    def leave(self, arn: str, fence: Fence) -> None:
        """See Turn."""
        self.check()
        with _advised():
            self._split.tag(arn, TAG, str(fence))

    def check(self) -> None:
        """See Turn."""
        if self._clock() > self._looked_at + PATIENCE_S:
            raise TargetConflict("this write hung; others may have gone on without it")


@contextmanager
def _advised() -> Iterator[None]:
    """Where tags are denied there is another way."""
    try:
        yield
    except TargetDenied as error:
        raise TargetDenied(f"{error}; or keep the fence in a file: option `fence_file`") from error


class FileFences:
    """See Fences; in a locked file, for accounts in which davy may set no tags."""

    kind = FenceKind.HOST_ONLY

    def __init__(self, path: Path) -> None:
        self._file = FenceFile(path)

    def read(self, arn: str) -> Fence | None:  # noqa: ARG002 - a file is of one resource
        """See Fences."""
        return self._file.read().fence

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """See Fences; davy's processes on this host are kept out."""
        with self._file.held() as (note, hold):
            yield FileTurn(self._file, note.fence, hold)


class FileTurn:
    """See Turn; nobody else writes the file while it is held."""

    def __init__(self, file: FenceFile, fence: Fence | None, hold: Hold) -> None:
        self._file, self._fence, self._hold = file, fence, hold

    def read(self, arn: str) -> Fence | None:  # noqa: ARG002 - a file is of one resource
        """See Turn."""
        return self._fence

    def leave(self, arn: str, fence: Fence) -> None:  # noqa: ARG002 - a file is of one resource
        """See Turn."""
        self._file.write(self._hold, fence, parked=())
        self._fence = fence

    def check(self) -> None:
        """See Turn."""
        self._hold.check()
