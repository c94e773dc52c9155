"""What comes of our answers under Flagger's rules; each kind of hook, and whole Canaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.verdicts.board import Board
from streams.verdicts.flagger import FRESH_S, SETTLE_S
from tests.verdicts.client import Time, make_app, over_http
from tests.verdicts.controllers import Canary
from tests.verdicts.world import EverythingRead, World, spec

ALL = ("pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")
STEPS = {"steps": "25,50"}
OF = {"rollout": "digits-v2", **STEPS}
GATE = "confirm-traffic-increase"


class Asked:
    """A world, its server, and the clock of both."""

    def __init__(self, world: World, client: httpx.Client, clock: Time, log: EverythingRead):
        self.world, self.client, self.clock, self.log = world, client, clock, log

    def hook(self, kind: str, **more: Any) -> httpx.Response:
        body = {"name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": "v2"}
        return self.client.post(f"/flagger/{kind}", json=body | {"metadata": OF} | more)

    def code(self, kind: str, **more: Any) -> tuple[int, str]:
        answer = self.hook(kind, **more)
        return answer.status_code, answer.json()["code"]

    def route(self, candidate_bp: int) -> None:
        """What the target has by now is told, long after the last raise."""
        self.clock.ahead_s += SETTLE_S + 1
        self.world.route(candidate_bp)


@pytest.fixture
def asked() -> Iterator[Asked]:
    clock, log = Time(), EverythingRead()
    world = World(spec(silence_rollback_s=None), board=Board(clock))
    with over_http(make_app(world.board, log, clock=clock)) as client:
        made = Asked(world, client, clock, log)
        world.beat(valid_s=10_000)
        made.route(0)
        yield made


class TestHooks:
    @pytest.mark.parametrize(
        ("kind", "advance", "hold", "rollback", "silent"),
        [
            ("confirm-rollout", 200, 200, 412, 425),
            ("pre-rollout", 200, 425, 412, 425),
            ("rollout", 200, 200, 412, 425),
            ("confirm-traffic-increase", 200, 425, 412, 425),
            ("confirm-promotion", 425, 425, 412, 425),
            ("rollback", 412, 412, 200, 412),
        ],
    )
    def test_what_each_decision_means_to_each(
        self, asked: Asked, kind: str, advance: int, hold: int, rollback: int, silent: int
    ) -> None:
        """Yes to `rollback` rolls back, so it is said to harm alone."""
        asked.world.decide(Action.ADVANCE, 2500)
        said = [asked.hook(kind).status_code]
        asked.world.decide(Action.HOLD, 2500)
        said.append(asked.hook(kind).status_code)
        asked.world.beat(valid_s=0)
        said.append(asked.hook(kind).status_code)
        asked.world.beat(valid_s=10_000)
        asked.world.decide(Action.ROLLBACK, 0, "harm: errors")
        said.append(asked.hook(kind).status_code)
        assert said == [advance, hold, silent, rollback]

    @pytest.mark.parametrize("kind", ["post-rollout", "event"])
    def test_news_are_noted(self, asked: Asked, kind: str) -> None:
        """Of whatever; with a body, since Flagger takes 204 for no."""
        answer = asked.hook(kind, metadata={"eventMessage": "Advance", "eventType": "Normal"})
        assert (answer.status_code, answer.json()) == (200, {"noted": kind})

    @pytest.mark.parametrize("kind", ALL)
    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"checksum": "v3"}, (409, "wrong_revision")),
            ({"checksum": ""}, (409, "wrong_revision")),
            ({"metadata": STEPS | {"rollout": "another"}}, (404, "unknown_rollout")),
            ({"metadata": STEPS | {"service": "b"}, "checksum": "7"}, (404, "unknown_rollout")),
            ({"metadata": STEPS}, (422, "nobody_named")),
            ({"metadata": OF | {"weight": "much"}}, (422, "bad_weight")),
            ({"metadata": OF | {"checksum": "7c"}, "checksum": "8d"}, (409, "wrong_revision")),
        ],
        ids=str,
    )
    def test_who_asks_of_something_else(
        self, asked: Asked, kind: str, more: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        """No for every kind, `rollback` too: it is not known to be of this revision."""
        asked.world.decide(Action.ROLLBACK, 0, "harm: errors")
        assert asked.code(kind, **more) == expected

    def test_the_checksum_may_stand_in_spec_or_metadata(self, asked: Asked) -> None:
        asked.world.decide(Action.PROMOTE, 10_000)
        named = {"metadata": OF | {"checksum": "7c"}, "checksum": "7c"}
        assert asked.hook("confirm-promotion", **named).status_code == 200
        by_service = {"metadata": {"service": "digits"}}
        assert asked.hook("confirm-promotion", **by_service).status_code == 200

    def test_a_log_that_was_not_read_says_no_to_all(self, asked: Asked) -> None:
        asked.world.decide(Action.ROLLBACK, 0)
        asked.log.why = "the log is being read"
        assert {asked.code(kind) for kind in ALL} == {(503, "not_read")}

    def test_a_kind_that_is_none(self, asked: Asked) -> None:
        assert asked.code("confirm-everything") == (422, "bad_request")


class TestGate:
    def test_a_raise_is_granted_once(self, asked: Asked) -> None:
        """Until weights are told that came later: the decision is restated meanwhile."""
        asked.world.decide(Action.ADVANCE, 2500)
        assert asked.code(GATE) == (200, "advance")
        asked.world.decide(Action.ADVANCE, 2500, "raising: waits for its weights")
        assert asked.code(GATE) == (425, "just_raised")
        asked.route(0)  # Flagger did not do it
        assert asked.code(GATE) == (200, "advance")
        asked.route(2500)
        assert asked.code(GATE) == (425, "not_yet")

    def test_another_server_does_not_grant_it_once_more(self, asked: Asked) -> None:
        """It knows nothing of the first one's yes, and what the actuator told is from before."""
        first, another = asked.client, make_app(asked.world.board, asked.log, clock=asked.clock)
        asked.world.decide(Action.ADVANCE, 5000)
        with over_http(another) as second:
            asked.route(0)
            assert asked.code(GATE) == (200, "advance")
            asked.clock.ahead_s += FRESH_S + 1
            for asked.client in (first, second):
                assert asked.hook(GATE).status_code == 425
            assert asked.code(GATE) == (425, "routing_unknown")
            asked.route(2500)
            assert asked.code(GATE) == (200, "advance")

    def test_a_step_beyond_what_is_wanted_waits(self, asked: Asked) -> None:
        """`steps` tell to which share Flagger goes next."""
        told = {"metadata": OF | {"steps": "10, 50"}}
        asked.world.decide(Action.ADVANCE, 2500)
        asked.route(1000)
        assert asked.code(GATE, **told) == (425, "not_yet")
        asked.world.decide(Action.ADVANCE, 5000)
        assert asked.code(GATE, **told) == (200, "advance")

    @pytest.mark.parametrize("metadata", [{}, {"steps": ""}, {"steps": "25,"}], ids=str)
    def test_who_does_not_say_where_it_goes_is_refused(
        self, asked: Asked, metadata: dict[str, str]
    ) -> None:
        """One basis point more than it has is no word for a step of 20 %."""
        asked.world.decide(Action.ADVANCE, 100)
        answer = asked.hook(GATE, metadata={"rollout": "digits-v2", **metadata})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_weight")
        assert "metadata.weight or metadata.steps" in answer.json()["reason"]

    def test_one_weight_is_the_only_step(self, asked: Asked) -> None:
        """Beyond it lies all of the traffic, not a little more than the candidate has."""
        told = {"metadata": {"rollout": "digits-v2", "weight": "10"}}
        asked.world.decide(Action.ADVANCE, 2500)
        assert asked.code(GATE, **told) == (200, "advance")
        asked.route(1000)
        assert asked.code(GATE, **told) == (425, "not_yet")

    def test_what_the_candidate_has_must_be_known(self, asked: Asked) -> None:
        asked.world.decide(Action.ADVANCE, 2500)
        asked.clock.ahead_s += 3600
        assert asked.code(GATE) == (425, "routing_unknown")


def canary(asked: Asked, *hooks: str, **more: Any) -> Canary:
    return Canary(client=asked.client, hooks=hooks or ALL, metadata=OF, **more)


class TestCanary:
    def test_a_good_one_goes_step_by_step(self, asked: Asked) -> None:
        """Waits at the gate for as long as nothing is decided, and no check fails of it."""
        one = canary(asked)
        asked.world.decide(Action.ADVANCE, 2500)
        for wanted, following in ((2500, 5000), (5000, 10_000)):
            assert one.tick() == "Progressing"
            assert one.weight * 100 == wanted
            asked.route(wanted)
            asked.world.decide(Action.HOLD, wanted, "min_time: not yet")
            assert {(one.tick(), one.weight * 100) for _ in range(20)} == {("Progressing", wanted)}
            final = following == 10_000
            asked.world.decide(Action.PROMOTE if final else Action.ADVANCE, following)
        assert one.tick() == "Promoting"
        assert one.failed_checks == 0

    def test_harm_rolls_back_in_one_interval(self, asked: Asked) -> None:
        one = canary(asked)
        asked.world.decide(Action.ADVANCE, 2500)
        one.tick()
        asked.route(2500)
        asked.world.decide(Action.HOLD, 2500)
        one.tick()
        asked.world.decide(Action.ROLLBACK, 0, "harm: errors")
        assert (one.tick(), one.weight) == ("Failed", 0)

    def test_without_a_rollback_hook_by_the_counter(self, asked: Asked) -> None:
        one = canary(asked, "rollout", GATE, threshold=2)
        asked.world.decide(Action.ADVANCE, 2500)
        one.tick()
        asked.route(2500)
        asked.world.decide(Action.ROLLBACK, 0, "harm: errors")
        assert [one.tick() for _ in range(3)] == ["Progressing", "Progressing", "Failed"]

    @pytest.mark.parametrize("lost", ["judge", "log", "server"])
    def test_what_is_lost_rolls_back_at_the_threshold(self, asked: Asked, lost: str) -> None:
        """A judge that is silent, a log that is not read, a server that is gone."""
        one = canary(asked)
        asked.world.decide(Action.ADVANCE, 2500)
        one.tick()
        asked.route(2500)
        match lost:
            case "judge":
                asked.world.beat(valid_s=0)
            case "log":
                asked.log.why = "no broker is heard"
            case _:
                one.client = httpx.Client(base_url="http://127.0.0.1:1")
        assert [one.tick() for _ in range(4)] == ["Progressing"] * 3 + ["Failed"]
        assert one.weight == 0
        if lost == "server":
            one.client.close()

    def test_a_pause_waits_for_ever(self, asked: Asked) -> None:
        one = canary(asked)
        asked.world.decide(Action.ADVANCE, 2500)
        one.tick()
        asked.route(2500)
        asked.world.decide(Action.ADVANCE, 5000)
        asked.world.command(CommandKind.PAUSE)
        assert {(one.tick(), one.weight) for _ in range(50)} == {("Progressing", 25)}

    def test_who_goes_ahead_unasked_is_taken_back(self, asked: Asked) -> None:
        """Without the gate Flagger raises by itself; then `rollout` is no more than a check."""
        one = canary(asked, "rollout", threshold=1)
        asked.world.decide(Action.ADVANCE, 2500)
        assert (one.tick(), one.weight) == ("Progressing", 25)
        asked.route(2500)
        asked.world.decide(Action.HOLD, 2500)
        assert (one.tick(), one.weight) == ("Progressing", 50)
        asked.route(5000)
        assert [one.tick(), one.tick()] == ["Progressing", "Failed"]

    def test_the_next_revision_gets_no_yes_of_the_last(self, asked: Asked) -> None:
        """The Canary's metadata still name the rollout that was promoted."""
        asked.world.decide(Action.PROMOTE, 10_000)
        one = canary(asked, GATE, "confirm-promotion", checksum="v3")
        assert {(one.tick(), one.weight) for _ in range(20)} == {("Progressing", 0)}

    def test_stages_other_than_flaggers_are_waited_for(self, asked: Asked) -> None:
        asked.world.decide(Action.ADVANCE, 1000)
        one = canary(asked)
        assert {(one.tick(), one.weight) for _ in range(5)} == {("Progressing", 0)}
