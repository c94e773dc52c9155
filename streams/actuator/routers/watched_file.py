"""How is traffic moved at a target that reads its weights from a file? One router for all of them.

The file is locked against davy's other processes on this host and replaced as a whole. What is in
it is a *document* (one class a target); who reads it is a *reader*: it may check the file before it
is in force, have it read, and say what it serves. A file that does not pass the check is put back
unless it lowers: a reader that begins anew must not find more than was wanted last. Once the reader
was told to read it nothing is put back, for nobody knows whether it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streams.actuator.ports import (
    Applied,
    Arms,
    Capabilities,
    Desired,
    Fence,
    Observed,
    Outcome,
    Proof,
    Segments,
    Verification,
)
from streams.actuator.routers.files import locked, read_text, replace_text
from streams.actuator.routers.lock import Hold
from streams.actuator.weights import (
    complaint,
    falls,
    higher_of,
    matches,
    measured,
    rises,
    single,
    units,
)
from streams.errors import RouterError, TargetConflict, TargetRejected
from streams.spec.model import ALL_SEGMENT

UNASKED = "file read back; nobody says what is served"


class Document(Protocol):
    """What is in such a file."""

    @property
    def fence(self) -> Fence | None:
        """Who wrote last; None where that was not davy."""
        ...

    @property
    def revision(self) -> str:
        """Changes with weights, fence and whatever says who gets which arm."""
        ...

    @property
    def weights(self) -> Arms:
        """Arm -> whole weight, in the target's own units."""
        ...

    def with_weights(self, weights: Arms, *, fence: Fence) -> str:
        """The file's text with these weights and this fence, all else as it is."""
        ...

    def with_fence(self, fence: Fence) -> str:
        """The file's text with this fence, all else as it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a reader says that it serves."""

    asked: bool = True
    weights: Arms | None = None
    """None: it does not say."""
    unready: tuple[str, ...] = ()
    note: str = UNASKED


class Reader(Protocol):
    """Who reads such a file. RouterErrors as of Router."""

    def check(self) -> None:
        """Whether it could read the file; TargetRejected where not. Nothing is in force by that."""
        ...

    def take(self, hold: Hold) -> None:
        """Have the file read; after an error it may have been, or not."""
        ...

    def served(self) -> Served:
        """What is in force now."""
        ...


class SilentReader:
    """A reader that watches the file by itself, and that nobody can ask."""

    def check(self) -> None:
        """See Reader."""

    def take(self, hold: Hold) -> None:
        """See Reader."""

    def served(self) -> Served:
        """See Reader."""
        return Served(asked=False)


class WatchedFileRouter:
    """See Router."""

    def __init__(
        self,
        path: Path,
        arms: Sequence[str],
        parse: Callable[[str], Document],
        reader: Reader,
        can: Capabilities,
    ) -> None:
        self._path, self._arms, self._parse = path, tuple(arms), parse
        self._reader, self._can = reader, can
        self._taken = ""
        """Revision that the reader is known to have been given by this process."""
        self._doubt: tuple[str, Segments] = ("", {})
        """A revision that was written and may not have been read, and what there was before it."""

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return self._can

    def observe(self) -> Observed:
        """The file's weights and those that are served, the higher share where they differ."""
        document, served = self._read(), self._reader.served()
        weights = self._in_force(document)
        if served.weights is not None:
            weights = higher_of(weights, {ALL_SEGMENT: measured(served.weights)})
        return Observed(
            weights_bp=weights,
            revision=document.revision,
            fence=document.fence,
            unready=served.unready,
            note=served.note,
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router."""
        if problem := complaint(desired.weights_bp, self._arms):
            raise TargetRejected(problem)
        wanted = units(single(desired.weights_bp), self._can.largest_weight, self._can.total)
        revision = self._change(
            lambda document, left: document.with_weights(wanted, fence=left), expect, fence
        )
        return Applied(revision=revision, weights_bp={ALL_SEGMENT: measured(wanted)})

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; the fence stands in the file."""
        return self._change(lambda document, left: document.with_fence(left), expect, fence)

    def _change(
        self, write: Callable[[Document, Fence], str], expect: str | None, fence: Fence
    ) -> str:
        with locked(self._path) as hold:
            before = read_text(self._path)
            document = self._parse(before)
            self._guard(document, expect, fence)
            had = self._in_force(document)
            text = write(document, fence.after(document.fence))
            after = self._parse(text)  # what could not be read back is not written
            replace_text(hold, text)
            former, self._doubt = self._doubt, (after.revision, had)
            try:
                self._reader.check()
            except RouterError:
                if not _lowers(had, after):
                    replace_text(hold, before)
                    self._doubt = former
                raise
            self._give(after, hold)
        return after.revision

    def _give(self, document: Document, hold: Hold) -> None:
        self._reader.take(hold)
        self._taken = document.revision
        self._doubt = ("", {})

    def _in_force(self, document: Document) -> Segments:
        """The file's shares; higher ones of before where its reader may not have read it yet."""
        there = {ALL_SEGMENT: measured(document.weights)}
        revision, before = self._doubt
        return higher_of(there, before) if revision == document.revision else there

    def _guard(self, document: Document, expect: str | None, fence: Fence) -> None:
        if expect is not None and expect != document.revision:
            raise TargetConflict(f"{self._path}: changed since it was looked at")
        there = document.fence
        if there is not None and there.forbids(fence):
            raise TargetConflict(f"stale: {self._path} carries {there}, this write is {fence}")

    def verify(self, desired: Desired) -> Verification:
        """See Router; a file that an earlier process wrote is given to its reader once more."""
        document = self._read()
        if not self._are(document.weights, desired):
            how = f"{self._path} has {dict(document.weights)}"
            return Verification(proof=Proof.PENDING, how=how)
        if self._taken != document.revision:
            with locked(self._path) as hold:
                self._reader.check()
                self._give(document, hold)
        served = self._reader.served()
        holds = not served.asked or (
            served.weights is not None and self._are(served.weights, desired)
        )
        return Verification(proof=Proof.HOLDS if holds else Proof.PENDING, how=served.note)

    def _are(self, weights: Arms, desired: Desired) -> bool:
        have = {ALL_SEGMENT: measured(weights)}
        return matches(have, desired.weights_bp, self._can.largest_weight, self._can.total)

    def finalize(self, outcome: Outcome) -> None:
        """Nothing to tidy up: beside weights only the fence was written."""

    def _read(self) -> Document:
        return self._parse(read_text(self._path))


def _lowers(before: Segments, document: Document) -> bool:
    """Whether some candidate gets less by the file than before, and none more."""
    after = {ALL_SEGMENT: measured(document.weights)}
    return falls(before, after) and not rises(before, after)
