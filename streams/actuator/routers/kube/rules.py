"""What do the rules of an object give to whom, and how does it look with other weights?

davy's own rules are taken at their word and written anew in thought; where that comes out
differently, somebody changed them. Then nobody knows who gets what: those who should get less are
told the most that any rule gives, `all` the least, so that such a change is never overlooked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Self

from streams.actuator.audience import Audience
from streams.actuator.ports import Arms, Segments
from streams.actuator.routers.kube.dialect import Dialect
from streams.actuator.routers.kube.division import Division, Part, divide
from streams.actuator.routers.kube.patches import Json, Operation, changes, drop, pointer, put
from streams.actuator.routers.segments import least, own_segments
from streams.actuator.weights import higher_of, measured, rises
from streams.errors import TargetRejected
from streams.spec.dimensions import OTHER_VALUE
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, MIRROR, UNTARGETED
from streams.spec.targeting import NOT_TARGETED, TARGETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rollout's rule in an object, and davy's own rules for it."""

    dialect: Dialect
    audience: Audience
    everything: tuple[Json, ...]
    at: int
    noted: Segments | None
    """What was written, as the object's note has it."""

    @classmethod
    def read(
        cls, found: Json, where: str, dialect: Dialect, audience: Audience, noted: Segments | None
    ) -> Self:
        """TargetNotFound where the rule is not there, TargetRejected where it is unfit."""
        rules = tuple((found.get("spec") or {}).get(dialect.field) or ())
        at = dialect.locate(rules, where)
        return cls(dialect=dialect, audience=audience, everything=rules, at=at, noted=noted)

    @property
    def base(self) -> Json:
        """The rollout's rule."""
        return self.everything[self.at]

    @property
    def own(self) -> list[Json]:
        """The rules that davy made for it."""
        return [rule for rule in self.everything if self.dialect.owns(rule)]

    # Reading.

    def weights(self) -> Segments:
        """What everybody gets here."""
        told = self._told()
        return told if told is not None else self._doubtful()

    def state(self) -> str:
        """Changes with whatever davy cares about."""
        return json.dumps(self._shapes([*self.everything]), sort_keys=True)

    def _told(self) -> Segments | None:
        """Segment -> shares; None where davy's rules are not as it would have them."""
        base = self._shares(self.base)
        if not self.own:
            everybody: Segments = {ALL_SEGMENT: base}
            left_out = {UNTARGETED: base} if self.audience.rules else {}
            return {**everybody, **left_out, **self._copies([self.base])}
        if self.noted is None or not self._knows(self.noted):
            return None
        told = self._reread(self.noted)
        return told if told is not None and self._is_ours(told) else None

    def _reread(self, noted: Segments) -> Segments | None:
        """What is noted, with the numbers that stand in the rules; None: other rules are there."""
        parts = divide(self.audience, noted).parts
        if len(parts) != len(self.own):
            return None
        given = {p.label: self._shares(r) for p, r in zip(parts, self.own, strict=True)}
        given[UNTARGETED if self.audience.rules else ALL_SEGMENT] = self._shares(self.base)
        if any(name.endswith(f"={OTHER_VALUE}") for name in own_segments(noted)):
            given = {}  # what `all` has may stand nowhere then: the note must be right as it is
        live = {s: given.get(s, shares) for s, shares in noted.items() if s != MIRROR}
        return {**live, **self._copies([self.base, *self.own])}

    def _knows(self, noted: Segments) -> bool:
        names = {ALL_SEGMENT, UNTARGETED, MIRROR, *self.audience.shown}
        arms = set(self._shares(self.base))
        return noted.keys() <= names and all(set(shares) == arms for shares in noted.values())

    def _is_ours(self, told: Segments) -> bool:
        try:
            return self._shapes(self._written(told)) == self._shapes([*self.everything])
        except TargetRejected:
            return False

    def _doubtful(self) -> Segments:
        names = own_segments(self.noted) if self.noted else [*self.audience.shown]
        guarded = [*names, UNTARGETED] if self.audience.rules else names
        everywhere = [self.base, *self.own]
        each: list[Segments] = [{ALL_SEGMENT: self._shares(rule)} for rule in everywhere]
        most = reduce(higher_of, each)[ALL_SEGMENT]
        few = least(map(self._shares, self.own)) if self.audience.rules else each[0][ALL_SEGMENT]
        told = {ALL_SEGMENT: few if guarded else most}
        return told | dict.fromkeys(guarded, most) | self._copies(everywhere)

    def _copies(self, rules: Iterable[Json]) -> dict[str, Arms]:
        """The mirror of some rules, the highest where they differ; empty without copies."""
        found: dict[str, int] = {}
        for rule in rules:
            for arm, share in self.dialect.mirror(rule).items():
                found[arm] = max(share, found.get(arm, 0))
        if not found:
            return {}
        shares = {arm: found.get(arm, 0) for arm in self._shares(self.base) if arm != BASELINE}
        return {MIRROR: {BASELINE: max(0, FULL_BP - sum(shares.values()))} | shares}

    def _shares(self, rule: Json) -> dict[str, int]:
        return measured(self.dialect.split(rule))

    def _shapes(self, rules: list[Json]) -> list[object]:
        """Of a list of rules, what davy cares about; of strangers', nothing."""
        own = [at for at, rule in enumerate(rules) if self.dialect.owns(rule)]
        base = [rule for rule in rules if not self.dialect.owns(rule)][self._at_of_others]
        return [own, self._shape(base), *(self._shape(rules[at]) for at in own)]

    def _shape(self, rule: Json) -> Json:
        return {
            "matches": self.dialect.matches(rule),
            "split": self.dialect.split(rule),
            "mirror": self.dialect.mirror(rule),
            "mark": self.dialect.mark(rule),
        }

    # Writing.

    def patch(self, weights: Segments) -> list[Operation]:
        """What gives the object these weights.

        Nobody is held up on the way home: where davy's rules cannot be had exactly beside others
        any more, they go, and everybody has the baseline.

        Raises:
            TargetRejected: it cannot have them.
        """
        new = self._written(weights)
        try:
            self._check(weights, new)
        except TargetRejected:
            if any(map(_candidates_bp, weights.values())):
                raise
            return self._operations(self._stripped(weights))
        return self._operations(new)

    def stripped(self) -> list[Operation] | None:
        """What takes davy's rules and marks away; weights stay. None: there are none."""
        return self._operations(self._stripped(None)) if self.own else None

    def _stripped(self, weights: Segments | None) -> list[Json]:
        base = self.dialect.with_mark(self.base, "")
        if weights is not None:
            units = self.dialect.units(weights[ALL_SEGMENT])
            base = self.dialect.with_mirror(self.dialect.with_split(base, units), {})
        return [base if rule is self.base else rule for rule in self._others()]

    def _check(self, weights: Segments, new: list[Json]) -> None:
        """Rules that are there already are not checked on the way down."""
        made = [self.dialect.matches(rule) for rule in new if self.dialect.owns(rule)]
        have = [self.dialect.matches(rule) for rule in self.own]
        if made != have or rises(self.weights(), weights):
            self.dialect.check(self._others(), self._at_of_others, divide(self.audience, weights))

    def _written(self, weights: Segments) -> list[Json]:
        """All rules with these weights."""
        division = divide(self.audience, weights)
        base = self._given(self.base, division, None)
        parts = enumerate(division.parts)
        made = [self._made(base, part, division, number) for number, part in parts]
        kept = [base if rule is self.base else rule for rule in self._others()]
        first = self.dialect.first_own(self._at_of_others, len(kept))
        return [*kept[:first], *made, *kept[first:]]

    @property
    def _at_of_others(self) -> int:
        """Where the rollout's rule stands among those that are not davy's."""
        return sum(not self.dialect.owns(rule) for rule in self.everything[: self.at])

    def _others(self) -> list[Json]:
        return [rule for rule in self.everything if not self.dialect.owns(rule)]

    def _made(self, base: Json, part: Part, division: Division, number: int) -> Json:
        made = self._given(base, division, part)
        return self.dialect.named(self.dialect.matching(made, part.any_of), number, part.label)

    def _given(self, rule: Json, division: Division, part: Part | None) -> Json:
        """The rule with what a part gets; None: the rest."""
        inside = part is not None or not division.targeted
        mark = (TARGETED if inside else NOT_TARGETED) if division.targeted else ""
        mirror = measured(self.dialect.units(division.mirror)) if division.mirror else {}
        copied = {arm: share for arm, share in mirror.items() if arm != BASELINE and share}
        shares = division.rest if part is None else part.shares
        made = self.dialect.with_split(rule, self.dialect.units(shares))
        made = self.dialect.with_mirror(made, copied if inside else {})
        return self.dialect.with_mark(made, mark)

    def _operations(self, new: list[Json]) -> list[Operation]:
        """Only what differs is touched; davy's rules are taken away and put anew where they do."""
        path = pointer("spec", self.dialect.field)
        old = [*self.everything]
        guards = self.dialect.guards(path + pointer(self.at), self.base)
        if len(old) == len(new) and [*map(self._tag, old)] == [*map(self._tag, new)]:
            return guards + changes(path, old, new)
        gone = [at for at, rule in enumerate(old) if self.dialect.owns(rule)]
        drops = [drop(path + pointer(at)) for at in reversed(gone)]
        kept = [rule for rule in new if not self.dialect.owns(rule)]
        steps = changes(path, self._others(), kept)
        made = [at for at, rule in enumerate(new) if self.dialect.owns(rule)]
        puts = [put(path + pointer(at), new[at]) for at in made]
        return guards + drops + steps + puts

    def _tag(self, rule: Json) -> object:
        return rule["name"] if self.dialect.owns(rule) else None


def _candidates_bp(shares: Arms) -> int:
    return sum(share for arm, share in shares.items() if arm != BASELINE)
