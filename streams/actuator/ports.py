"""What must a traffic target be able to do, and what is said about it?

Five verbs per router: observe, apply, sign, verify, finalize. Weights are basis points per segment
and arm, always absolute and complete, so that doing a thing twice is the same as doing it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, Self

from streams.spec.targeting import RuleKind

Arms = Mapping[str, int]
"""Arm -> basis points; they add up to 10000."""
Segments = Mapping[str, Arms]
"""Segment -> arm -> basis points. `all` is everybody whose segment has no weights of its own.

Two names are no segments: `untargeted` is everybody whom the targeting rules leave out, and in
`mirror` a candidate's share is that of the requests of which it gets a copy.
"""

MARK = "davy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Who wrote last: the rollout, the `seq` of its decision, and the claim of its actuator."""

    rollout: str
    seq: int
    claim: int = 0
    """Offset in `routing`: a later owner's is higher. 0: whoever wrote could not prove his."""

    def __str__(self) -> str:
        number = f"{self.seq}.{self.claim}" if self.claim else f"{self.seq}"
        return f"{MARK}:{number}:{self.rollout}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` wrote; None where somebody else wrote it.

        >>> Fence.parse("davy:7:digits-v2")
        Fence(rollout='digits-v2', seq=7, claim=0)
        >>> Fence.parse("davy:7.105:digits-v2")
        Fence(rollout='digits-v2', seq=7, claim=105)
        >>> Fence.parse("2024-05-01") is None
        True
        """
        mark, _, rest = text.partition(":")
        number, _, rollout = rest.partition(":")
        seq, dot, claim = number.partition(".")
        numbers = (seq, claim) if dot else (seq,)
        if mark != MARK or not all(map(str.isdecimal, numbers)) or not rollout:
            return None
        return cls(rollout=rollout, seq=int(seq), claim=int(claim or 0))

    def forbids(self, other: Fence) -> bool:
        """Whether a write under `other` comes too late: the same rollout has moved on.

        A write without a claim lowers, and that needs none.
        """
        late = other.seq < self.seq or 0 < other.claim < self.claim
        return other.rollout == self.rollout and late

    def after(self, there: Fence | None) -> Fence:
        """What stands on the target after a write under this one: a claim is never taken back."""
        if there is None or there.rollout != self.rollout:
            return self
        return replace(self, claim=max(self.claim, there.claim))


class FenceKind(StrEnum):
    """Where the fence is kept, and so whom it stops."""

    NATIVE = "native"  # in the target's own object: stops every writer
    ADVISORY = "advisory"  # on the target, looked at before a write: stops all who look later
    HOST_ONLY = "host only"  # in a locked file beside the target: stops writers on this host
    PROCESS = "process"  # in this process's memory


class Sticky(StrEnum):
    """Whether a user keeps his arm while weights stay, and a candidate's users stay as it grows."""

    NO = "no"  # every request is drawn anew
    AS_SET_UP = "as set up"  # where the target's own settings hash users; davy leaves them alone
    YES = "yes"  # always: users are hashed, and the candidate's range grows at one end


class Kind(StrEnum):
    """What a target takes."""

    WEIGHT = "weight"  # any share, up and down
    GATE = "gate"  # steps of its own: it is let go on, held, or aborted, and says how far it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a router can and cannot do."""

    kind: Kind = Kind.WEIGHT
    largest_weight: int
    """The largest weight of one arm in the target's own units; 10000 resolves basis points."""
    total: int | None = None
    """What the weights of all arms add up to in those units; None: whatever comes closest."""
    fence: FenceKind
    survives_restart: bool
    """Whether the target keeps its weights when it restarts; if not, a restart is a drift."""
    segments: bool = False
    """Whether segments other than `all` can have weights of their own."""
    reads_headers: bool = True
    """Whether it tells segments apart by a request's header, which the spec must name then."""
    rules: frozenset[RuleKind] = frozenset()
    """Targeting rules that it can compile, each exactly."""
    mirror: bool = False
    """Whether it can copy requests to a candidate and throw the answers away."""
    sticky: Sticky = Sticky.NO
    dry_run: bool = False
    """Whether `apply` has the target itself check a change before it is in force."""
    settles_s: float = 5.0
    """A write that is not in effect after so many seconds has failed."""
    ask_every_s: float = 0.01
    """Seconds between two questions whether a write is in effect: a cloud counts its calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the target has now."""

    weights_bp: Segments
    """Candidates rounded down; where two sources disagree, the higher candidate share.

    Where rules are not in force as told: what those get whom they should leave out.
    """
    revision: str
    """Changes whenever anything davy cares about changes."""
    fence: Fence | None = None
    unready: tuple[str, ...] = ()
    """Arms that cannot take traffic now; their share is not raised."""
    note: str = ""
    """How it was looked at."""
    reach_bp: tuple[int, ...] = ()
    """Of a gate: shares to which one write leads its candidate; others are rounded down to these.

    A write that lets it go on is done when the gate is open; the share follows in its own time.
    """
    upcoming_bp: int | None = None
    """Of a gate: what its candidate comes to by itself, unless a write of what it has holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the target shall have."""

    weights_bp: Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a write did."""

    revision: str
    weights_bp: Segments
    """What the target was given, in basis points after rounding."""


class Proof(StrEnum):
    """Whether a write took effect."""

    HOLDS = "holds"
    PENDING = "pending"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The proof and how it was come by, for a person."""

    proof: Proof
    how: str


class Outcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


class Router(Protocol):
    """One traffic target of one rollout. Used by one thread at a time.

    Errors are those under RouterError: TargetNotFound, TargetDenied, TargetRejected (no retry),
    TargetConflict (observe again), TargetTransient (try again later).
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; constant."""
        ...

    def observe(self) -> Observed:
        """Look at the target; changes nothing."""
        ...

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """Give every arm its weight, candidates rounded down, nothing else touched.

        Args:
            desired: Absolute weights.
            expect: The revision that the caller saw; None writes over whatever is there.
            fence: Left on the target; an older one of the same rollout is refused.

        Raises:
            TargetConflict: the revision is another one, or the fence is older than the target's.
            TargetRejected: the target cannot have these weights (below its resolution, segments
                that it cannot tell apart, ...).
        """
        ...

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """Leave the fence and touch nothing else; returns the revision after it.

        Arguments and errors as of `apply`.
        """
        ...

    def verify(self, desired: Desired) -> Verification:
        """Whether the last `apply` of these weights is in effect; asks once, does not wait."""
        ...

    def finalize(self, outcome: Outcome) -> None:
        """Remove what davy added beside weights, once the rollout has ended.

        Rules stay for as long as a candidate has traffic.
        """
        ...


class Clock(Protocol):
    """Time as the actuator sees it."""

    def monotonic_s(self) -> float:
        """Seconds that never go back: leases, retries."""
        ...

    def wall_ms(self) -> int:
        """Milliseconds since the epoch: what records say."""
        ...
