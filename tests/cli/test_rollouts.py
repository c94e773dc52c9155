"""Which rollouts may begin, and what the others are told."""

import pytest

from streams.cli.rollouts import KnownRollout, find, is_new
from streams.errors import LogError
from streams.spec.load import parse_spec
from streams.spec.model import RolloutSpec

FACTS = "service: digits\nbaseline: v1\ncandidate: {}\nroute: memory\n"


def spec(candidate="v2", more="") -> RolloutSpec:
    return parse_spec(FACTS.format(candidate) + more).spec


def known(*specs: RolloutSpec, lease: str | None = "LIVE") -> dict[str, KnownRollout]:
    return {s.rollout: KnownRollout(spec=s, applied_by="me", lease=lease) for s in specs}


class TestMayItBegin:
    def test_the_first_one(self):
        assert is_new(spec(), {})

    def test_the_same_again_is_nothing_new(self):
        assert not is_new(spec(), known(spec()))

    def test_an_id_never_changes_its_spec(self):
        with pytest.raises(LogError, match=r"another spec.*`rollout: digits-v2-2`"):
            is_new(spec(more="timeout: 1s\n"), known(spec()))

    def test_an_ended_one_is_not_begun_again(self):
        with pytest.raises(LogError, match=r"has ended.*`rollout: digits-v2-2`"):
            is_new(spec(), known(spec(), lease="ENDED"))

    @pytest.mark.parametrize("lease", [None, "LIVE"])
    def test_one_live_rollout_per_service_and_route(self, lease):
        with pytest.raises(LogError, match="davy rollout abort digits-v2"):
            is_new(spec("v3"), known(spec("v2"), lease=lease))

    def test_after_the_end_the_next_may_begin(self):
        assert is_new(spec("v3"), known(spec("v2"), lease="ENDED"))

    def test_another_route_is_another_place(self):
        other = parse_spec(FACTS.format("v3").replace("memory", "{name: eu, memory: {}}")).spec
        assert is_new(other, known(spec("v2")))


class TestFind:
    def test_a_slip_of_the_pen_is_mended(self):
        with pytest.raises(LogError, match="did you mean `digits-v2`"):
            find(known(spec()), "digit-v2")

    def test_nothing_there(self):
        with pytest.raises(LogError, match="none was applied yet"):
            find({}, "digits-v2")
