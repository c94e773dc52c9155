"""What is to be done at a target that has steps of its own? Pure functions, for the planner.

Such a target (`Kind.GATE`) is let go on, held, or aborted: a wanted share is had as the largest
that one write leads to, and one that goes on by itself is held where that would be too much.
"""

from __future__ import annotations

from streams.actuator.ports import Arms, Observed, Segments
from streams.actuator.weights import differs, share_of
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP


def within_reach(want: Segments, seen: Observed) -> tuple[Segments, str]:
    """`want` as one write can bring it about, and why it is less where it is.

    >>> seen = Observed(weights_bp={}, revision="1", reach_bp=(0, 200, 2500))
    >>> within_reach({"all": {"baseline": 9000, "b": 1000}}, seen)[0]
    {'all': {'baseline': 9800, 'b': 200}}
    """
    found = {name: _rounded(shares, seen.reach_bp) for name, shares in want.items()}
    if not differs(found, want):
        return found, ""
    steps = ", ".join(f"{share / 100:g} %" for share in seen.reach_bp)
    return found, f"gate: from here the target can have {steps}"


def _rounded(shares: Arms, reach_bp: tuple[int, ...]) -> Arms:
    """Every candidate's share rounded down, never up."""
    candidates = {
        arm: max((step for step in reach_bp if step <= share), default=0)
        for arm, share in shares.items()
        if arm != BASELINE
    }
    return {BASELINE: FULL_BP - sum(candidates.values())} | candidates


def runs_on(seen: Observed, limit: Segments) -> bool:
    """Whether the target gives a candidate more than this unless it is held."""
    if seen.upcoming_bp is None:
        return False
    candidates = [arm for arm in seen.weights_bp.get(ALL_SEGMENT, {}) if arm != BASELINE]
    return any(seen.upcoming_bp > share_of(limit, ALL_SEGMENT, arm) for arm in candidates)
