"""Look-ups and counts that are quick for a few names give what the thorough ones give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes import groups, targets
from streams.panes.facts import LiveRollout
from streams.panes.targets import Targets
from streams.spec.model import Candidate
from streams.wire.columns import Coded
from tests.agents.pipeline import spec

SERVICES = ("digits", "other", "nobody's")
VERSIONS = ("v1", "v2", "v3", "v9")


def live(name: str, **changes: object) -> LiveRollout:
    return LiveRollout(spec=spec(name, **changes), spec_hash="h", first_offset=0, from_pane=-1)


TARGETS = Targets(
    [
        live("one"),
        live("two", route="b", candidates=(Candidate(name="c", version="v3"),)),
        live("three", service="other"),
    ]
)


def coded(names: tuple[str, ...], codes: list[int]) -> Coded:
    return Coded.of(np.array(codes, np.int32), names)


@pytest.mark.property
@given(
    pairs=st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 3)), max_size=30),
    services=st.permutations(SERVICES),
    versions=st.permutations(VERSIONS),
)
def test_arms_by_pair_are_arms_by_event(pairs, services, versions):
    """Null, which no schema allows, is nobody's either way."""
    service = coded(tuple(services), [a for a, _ in pairs])
    version = coded(tuple(versions), [b for _, b in pairs])
    quick = [layer.tolist() for layer in TARGETS.layers(service, version)]
    most, targets.MOST_PAIRS = targets.MOST_PAIRS, 0
    try:
        thorough = [layer.tolist() for layer in TARGETS.layers(service, version)]
    finally:
        targets.MOST_PAIRS = most
    assert quick == thorough


def test_an_event_belongs_to_every_rollout_of_its_version():
    service, version = coded(SERVICES, [0, 0, 1, 2, 0]), coded(VERSIONS, [0, 1, 1, 0, 3])
    found = [
        [None if arm < 0 else TARGETS.arms[arm][0].spec.rollout for arm in layer.tolist()]
        for layer in TARGETS.layers(service, version)
    ]
    assert found == [["one", "one", "three", None, None], ["two", None, None, None, None]]


@pytest.mark.property
@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_counted_groups_are_sorted_groups(keys):
    counted = groups._dense(np.array(keys), 51)
    sorted_ = np.unique(keys, return_inverse=True)
    assert [part.tolist() for part in counted] == [part.tolist() for part in sorted_]


def test_keys_far_apart_are_not_counted():
    """An old event beside a new one: no table as wide as the time between them."""
    keys = np.array([10**12, 3, 10**12])
    found = groups._dense(keys, 10**12 + 1)
    assert [part.tolist() for part in found] == [[3, 10**12], [1, 0, 1]]
