"""Which weights can a target have, and which way does a change go? Arithmetic only.

Going up and going down are told apart per candidate: "up" is a larger share of any candidate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

from streams.actuator.ports import Arms, Segments
from streams.errors import TargetRejected
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP


def home(
    arms: Iterable[str], segments: Iterable[str] = (ALL_SEGMENT,)
) -> dict[str, dict[str, int]]:
    """Everything to the baseline: where a rollback leads.

    >>> home(("baseline", "candidate"))
    {'all': {'baseline': 10000, 'candidate': 0}}
    """
    weights = {arm: FULL_BP if arm == BASELINE else 0 for arm in arms}
    return {segment: dict(weights) for segment in segments}


def complaint(weights: Segments, arms: Sequence[str]) -> str:
    """Why these are no complete, absolute weights for these arms; empty if they are."""
    if ALL_SEGMENT not in weights:
        return f"no weights for segment `{ALL_SEGMENT}`"
    for segment, shares in weights.items():
        if shares.keys() != set(arms):
            return f"segment {segment}: weights for {sorted(shares)}, the arms are {sorted(arms)}"
        if min(shares.values()) < 0 or sum(shares.values()) != FULL_BP:
            return f"segment {segment}: {dict(shares)} do not add up to {FULL_BP} basis points"
    return ""


def rises(have: Segments, want: Segments) -> bool:
    """Whether some candidate would get more than it has."""
    return any(want[s][arm] > have.get(s, {}).get(arm, 0) for s, arm in _candidates(want))


def falls(have: Segments, want: Segments) -> bool:
    """Whether some candidate would get less than it has."""
    return any(want[s][arm] < have.get(s, {}).get(arm, 0) for s, arm in _candidates(want))


def lower_of(have: Segments, want: Segments) -> dict[str, dict[str, int]]:
    """Per candidate the smaller share; the baseline takes the rest. Never a raise.

    >>> lower_of({"all": {"baseline": 9000, "b": 1000}}, {"all": {"baseline": 5000, "b": 5000}})
    {'all': {'baseline': 9000, 'b': 1000}}
    """
    return {
        segment: _completed(
            {
                arm: min(share, have.get(segment, {}).get(arm, 0))
                for arm, share in shares.items()
                if arm != BASELINE
            }
        )
        for segment, shares in want.items()
    }


def highest(one: Arms, other: Arms) -> dict[str, int]:
    """Per candidate the larger share, the baseline what is left: never less than either shows."""
    wanted = {arm: max(share, other.get(arm, 0)) for arm, share in one.items() if arm != BASELINE}
    return {BASELINE: max(0, FULL_BP - sum(wanted.values()))} | wanted


def single(weights: Segments) -> Arms:
    """The weights of a target without segments.

    Raises:
        TargetRejected: a segment other than `all` has weights of its own.
    """
    if weights.keys() != {ALL_SEGMENT}:
        names = sorted(weights.keys() - {ALL_SEGMENT})
        raise TargetRejected(f"this router has no segments; got weights for {names}")
    return weights[ALL_SEGMENT]


def matches(have: Segments, want: Segments, largest: int) -> bool:
    """Whether a target of this resolution shows what `want` comes to there."""
    if {s: dict(shares) for s, shares in have.items()} == want:
        return True
    try:
        return dict(have) == settled(want, largest)
    except TargetRejected:
        return False


def settled(want: Segments, largest: int) -> dict[str, dict[str, int]]:
    """What a look at a target of this resolution shows after `want` was applied.

    Raises:
        TargetRejected: a share above nothing is below the resolution.
    """
    return {segment: measured(units(shares, largest)) for segment, shares in want.items()}


def units(shares: Arms, largest: int) -> dict[str, int]:
    """Whole weights 0 .. `largest` per arm with every candidate rounded down, never up.

    The sum is free: of all sums the one that comes closest is taken (the larger on a tie).

    Raises:
        TargetRejected: a share above nothing is below the resolution.

    >>> units({"baseline": 9900, "candidate": 100}, 256)
    {'baseline': 198, 'candidate': 2}
    """
    if largest >= FULL_BP:
        return dict(shares)
    wanted = {arm: share for arm, share in shares.items() if arm != BASELINE}
    found = _closest(tuple(wanted.values()), largest)
    if found is None:
        smallest = min(share for share in wanted.values() if share > 0)
        raise TargetRejected(
            f"below resolution: {smallest / 100:g} % cannot be had with weights of 0 to {largest}; "
            f"the least is {100 / (largest + 1):.2f} %, use a larger share or a finer router"
        )
    baseline, candidates = found
    return {BASELINE: baseline} | dict(zip(wanted, candidates, strict=True))


@functools.lru_cache(maxsize=1024)
def _closest(wanted: tuple[int, ...], largest: int) -> tuple[int, tuple[int, ...]] | None:
    best: tuple[float, int, tuple[int, ...]] | None = None
    for total in range(largest * (len(wanted) + 1), 0, -1):
        given = tuple(share * total // FULL_BP for share in wanted)
        baseline = total - sum(given)
        if max(baseline, *given) > largest or any(
            not got and share for got, share in zip(given, wanted, strict=True)
        ):
            continue
        missing = sum(wanted) - FULL_BP * sum(given) / total
        if best is None or missing < best[0] - 1e-9:
            best = (missing, baseline, given)
    return best and best[1:]


def measured(weights: Mapping[str, int]) -> dict[str, int]:
    """Shares in basis points of whole weights, candidates rounded down.

    >>> measured({"baseline": 198, "candidate": 2})
    {'baseline': 9900, 'candidate': 100}
    """
    total = sum(weights.values()) or 1
    return _completed(
        {arm: weight * FULL_BP // total for arm, weight in weights.items() if arm != BASELINE}
    )


def _completed(candidates: dict[str, int]) -> dict[str, int]:
    return {BASELINE: FULL_BP - sum(candidates.values())} | candidates


def _candidates(weights: Segments) -> Iterable[tuple[str, str]]:
    return ((s, arm) for s, shares in weights.items() for arm in shares if arm != BASELINE)
