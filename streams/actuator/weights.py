"""Which weights can a target have, and which way does a change go? Arithmetic only.

Going up and going down are told apart per candidate: "up" is a larger share of any candidate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from streams.actuator.ports import Arms, Segments
from streams.errors import TargetRejected
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, MIRROR, UNTARGETED


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
    if _copies(weights) and any(map(_candidates_bp, _live(weights).values())):
        return f"{MIRROR}: copies of requests go only where no candidate has live ones"
    if _candidates_bp(weights.get(UNTARGETED, {})):
        return f"{UNTARGETED}: {dict(weights[UNTARGETED])}: those get the baseline alone"
    return ""


def _copies(weights: Segments) -> int:
    return _candidates_bp(weights.get(MIRROR, {}))


def _live(weights: Segments) -> Segments:
    return {segment: shares for segment, shares in weights.items() if segment != MIRROR}


def _candidates_bp(shares: Arms) -> int:
    return sum(share for arm, share in shares.items() if arm != BASELINE)


def share_of(weights: Segments, segment: str, arm: str) -> int:
    """A candidate's share there; a segment without weights of its own has those of `all`.

    >>> share_of({"all": {"baseline": 9000, "b": 1000}}, "country=SG", "b")
    1000
    """
    fallback: Arms = {} if segment == MIRROR else weights.get(ALL_SEGMENT, {})
    return weights.get(segment, fallback).get(arm, 0)


def rises(have: Segments, want: Segments) -> bool:
    """Whether some candidate would get more than it has, in whatever segment."""
    pairs = _candidates(have, want)
    return any(share_of(want, s, arm) > share_of(have, s, arm) for s, arm in pairs)


def falls(have: Segments, want: Segments) -> bool:
    """Whether some candidate would get less than it has, in whatever segment."""
    return rises(want, have)


def lower_of(have: Segments, want: Segments) -> dict[str, dict[str, int]]:
    """Per segment and candidate the smaller share; the baseline takes the rest. Never a raise.

    >>> lower_of({"all": {"baseline": 9000, "b": 1000}}, {"all": {"baseline": 5000, "b": 5000}})
    {'all': {'baseline': 9000, 'b': 1000}}
    """
    return _merged(have, want, min)


def raised_by(have: Segments, want: Segments, step_bp: int) -> dict[str, dict[str, int]]:
    """`want`, but no candidate gets more than `step_bp` above what it has.

    >>> have, want = {"baseline": 9000, "b": 1000}, {"baseline": 0, "b": 10000}
    >>> raised_by({"all": have}, {"all": want}, 2000)
    {'all': {'baseline': 7000, 'b': 3000}}
    """
    return _merged(have, want, lambda has, wanted: min(wanted, has + step_bp))


def higher_of(one: Segments, other: Segments) -> dict[str, dict[str, int]]:
    """Per segment and candidate the larger share: never less than either shows."""
    return _merged(one, other, max)


def _merged(
    one: Segments, other: Segments, choose: Callable[[int, int], int]
) -> dict[str, dict[str, int]]:
    chosen: dict[str, dict[str, int]] = {}
    for segment, arm in _candidates(one, other):
        found = choose(share_of(one, segment, arm), share_of(other, segment, arm))
        chosen.setdefault(segment, {})[arm] = found
    return {segment: _completed(shares) for segment, shares in chosen.items()}


def single(weights: Segments) -> Arms:
    """The weights of a target that tells no segments apart.

    Raises:
        TargetRejected: a segment has other weights than `all`, or requests are to be copied.
    """
    everybody = weights[ALL_SEGMENT]
    others = [name for name, shares in _live(weights).items() if shares != everybody]
    if others or _copies(weights):
        names = sorted(others + [MIRROR] * bool(_copies(weights)))
        raise TargetRejected(
            f"this router has one split for all requests; got others for {', '.join(names)} — "
            "abort the rollout, and begin it at a router that tells them apart (`davy routers`)"
        )
    return everybody


def differs(one: Segments, other: Segments | None) -> bool:
    """Whether some candidate has another share; always, where the other is not known."""
    return other is None or rises(one, other) or falls(one, other)


def matches(have: Segments, want: Segments, largest: int, total: int | None = None) -> bool:
    """Whether a target of this resolution shows what `want` comes to there."""
    if not differs(have, want):
        return True
    try:
        return not differs(have, settled(want, largest, total))
    except TargetRejected:
        return False


def settled(want: Segments, largest: int, total: int | None = None) -> dict[str, dict[str, int]]:
    """What a look at a target of this resolution shows after `want` was applied.

    Raises:
        TargetRejected: a share above nothing is below the resolution.
    """
    return {segment: measured(units(shares, largest, total)) for segment, shares in want.items()}


def units(shares: Arms, largest: int, total: int | None = None) -> dict[str, int]:
    """Whole weights 0 .. `largest` per arm with every candidate rounded down, never up.

    They add up to `total`; without it the sum that comes closest is taken (the larger on a tie).

    Raises:
        TargetRejected: a share above nothing is below the resolution.

    >>> units({"baseline": 9900, "candidate": 100}, 256)
    {'baseline': 198, 'candidate': 2}
    >>> units({"baseline": 6667, "candidate": 3333}, 100, 100)
    {'baseline': 67, 'candidate': 33}
    """
    if largest >= FULL_BP and total in (None, FULL_BP):
        return dict(shares)
    wanted = {arm: share for arm, share in shares.items() if arm != BASELINE}
    found = _closest(tuple(wanted.values()), largest, total)
    if found is None:
        smallest = min(share for share in wanted.values() if share > 0)
        raise TargetRejected(
            f"below resolution: {smallest / 100:g} % cannot be had with weights of 0 to {largest}; "
            f"the least is {100 / (total or largest + 1):.2f} %, "
            "use a larger share or a finer router"
        )
    baseline, candidates = found
    return {BASELINE: baseline} | dict(zip(wanted, candidates, strict=True))


@functools.lru_cache(maxsize=1024)
def _closest(
    wanted: tuple[int, ...], largest: int, fixed: int | None
) -> tuple[int, tuple[int, ...]] | None:
    best: tuple[float, int, tuple[int, ...]] | None = None
    for total in (fixed,) if fixed else range(largest * (len(wanted) + 1), 0, -1):
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


def in_order(have: Arms, want: Arms) -> list[str]:
    """Arms in an order of changes in which no candidate ever has more than before or after.

    Rising baseline, falling candidates, falling baseline, rising candidates.

    >>> in_order({"baseline": 90, "candidate": 10}, {"baseline": 75, "candidate": 25})
    ['baseline', 'candidate']
    """

    def rank(arm: str) -> int:
        rising = want[arm] > have[arm]
        if arm == BASELINE:
            return 0 if rising else 2
        return 3 if rising else 1

    return sorted(want, key=rank)


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
    return {BASELINE: max(0, FULL_BP - sum(candidates.values()))} | candidates


def _candidates(*weights: Segments) -> Iterator[tuple[str, str]]:
    """Every segment and candidate of any of them, in the order in which they come."""
    seen = {(s, arm): None for each in weights for s, shares in each.items() for arm in shares}
    arms = list(dict.fromkeys(arm for _, arm in seen if arm != BASELINE))
    segments = dict.fromkeys(segment for segment, _ in seen)
    return ((segment, arm) for segment in segments for arm in arms)
