"""What is a scenario, and what is told of one that was played? Facts only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.spec.model import RolloutSpec, Target
    from tests.soak.stage import Stage


class Need(StrEnum):
    """What a scenario needs besides one broker."""

    CLUSTER = "cluster"  # three brokers with a fault proxy between them and their clients
    REGISTRY = "registry"  # a schema registry


class Until(StrEnum):
    """By what one sees that a fault is over."""

    PANES = "panes"  # panes close beyond it on every source partition
    DECISIONS = "decisions"  # a decision looks at panes beyond it
    ROUTING = "routing"  # the actuator tells of the target again


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What runs in a scenario, and what it works on."""

    workers: int = 2
    actuators: int = 1
    worker: tuple[str, ...] = ("-m", "streams.cli", "worker")
    """Behind `python`: the program that is a worker."""
    actuator: tuple[str, ...] = ("-m", "streams.cli", "actuator")
    rate: float = 600.0
    """Requests a second, over all producers."""
    producers: int = 3
    oddities: float = 1.0
    """How many of the events are odd (late, repeated, unknown, unreadable); 1 is some percent."""
    outcomes: bool = False
    """Whether labels are sent too."""
    transactional: bool = False
    """Whether the generator commits its events in transactions, and gives some of them up."""
    spec: Callable[[Target], RolloutSpec] | None = None
    """The rollout; None is the usual one, in live mode with many small stages."""
    also: Callable[[Target], tuple[RolloutSpec, ...]] | None = None
    """Further rollouts on the same events, for routes that no actuator of this fleet moves."""


Inject = Callable[["Stage"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of trouble, as it is played on a running fleet."""

    name: str
    says: str
    """What happens, as one sentence."""
    inject: Inject
    """Makes the trouble; the fleet runs and judges when it begins, and must again when it ends."""
    needs: frozenset[Need] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Davy's settings that differ from the soak's."""
    fleet: Fleet = Fleet()
    seconds: float = 20.0
    """About how long it takes: long ones begin first."""
    ci: bool = False
    """Whether it belongs to the subset that CI plays."""
    mixes: bool = False
    """Whether `inject` may be played among others on the usual fleet, at any time."""
    expects: frozenset[str] = frozenset()
    """Bars that must NOT hold: those by which a planted bug is caught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One trouble within a scenario."""

    what: str
    at_ms: int
    until: Until
    recovery_s: float | None = None
    """None: it was not seen to be over."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was counted; sums over scenarios are sums of these."""

    offered: int = 0
    """Events that the generator handed to its producers, outcomes included."""
    accepted: int = 0
    """Those that the broker acknowledged and readers see."""
    counted: int = 0
    """Predictions that the oracle folds into panes or finds to be of no rollout."""
    late: int = 0
    dead: int = 0
    duplicates_sent: int = 0
    duplicates_seen: int = 0
    not_in_log: int = 0
    """Acknowledged, but not in the log: the broker's loss."""
    panes: int = 0
    """Closed panes compared, cohorts included."""
    panes_different: int = 0
    panes_open: int = 0
    """Not compared: the log does not close them."""
    lost: int = 0
    """Events missing in panes, and dead letters missing."""
    double: int = 0
    """Events too many in panes, panes and dead letters written twice."""
    miscounted: int = 0
    """Counters of progress and markers that differ from the oracle's."""
    decisions: int = 0
    wrong: int = 0
    """Decisions, or cuts of them, that do not follow from the log."""
    decisions_duplicated: int = 0
    reordered: int = 0
    """Decisions out of order, missing between others, or off the chain."""
    applied: int = 0
    """Decisions that moved the target."""
    applied_twice: int = 0
    applied_out_of_order: int = 0
    target_wrong: int = 0
    """Targets that are not where the last decision says."""
    replay_different: int = 0
    """Decisions that `davy replay` finds different: a second witness."""
    not_recovered: int = 0
    """Faults after which nothing went on."""

    def add(self, other: Tally) -> None:
        """Add another's counts."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


BARS = (
    "not_in_log",
    "panes_different",
    "lost",
    "double",
    "miscounted",
    "wrong",
    "decisions_duplicated",
    "reordered",
    "applied_twice",
    "applied_out_of_order",
    "target_wrong",
    "replay_different",
    "not_recovered",
)
"""What must be zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of one scenario in one round."""

    scenario: str
    says: str
    seed: int
    round: int
    lane: int
    brokers: int
    seconds: float
    tally: Tally
    stood_still_s: float = 0.0
    """The longest time for which the machine did not let the harness run."""
    faults: tuple[Fault, ...] = ()
    findings: tuple[str, ...] = ()
    """What was found wrong, in words; the first hundred."""
    error: str = ""
    """Why it could not be played to its end."""
    skipped: str = ""
    """Why it was not played at all."""
    expects: frozenset[str] = frozenset()

    @property
    def broken(self) -> frozenset[str]:
        """Bars that do not hold."""
        return frozenset(bar for bar in BARS if getattr(self.tally, bar))

    @property
    def ok(self) -> bool:
        """Whether all is as it must be: every bar holds, or a planted bug was caught by name."""
        if self.error:
            return False
        if self.skipped:
            return True
        if self.expects:
            return self.expects <= self.broken
        return not self.broken and self.tally.panes > 0 and self.tally.decisions > 0
