"""What comes of our answers under Argo's limits: who is unsure waits, who is lost aborts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from tests.verdicts.client import make_app, over_http
from tests.verdicts.controllers import AnalysisRun, Phase
from tests.verdicts.world import EverythingRead, World

ASK = {"rollout": "digits-v2", "hash": "v2", "weight": "25"}
PATIENT = {"inconclusive_limit": 1000, "consecutive_success_limit": 1}


@pytest.fixture
def world() -> World:
    made = World()
    made.decide(Action.HOLD, 100, "min_time: not yet")
    made.beat()
    return made


@pytest.fixture
def log() -> EverythingRead:
    return EverythingRead()


@pytest.fixture
def client(world: World, log: EverythingRead) -> Iterator[httpx.Client]:
    with over_http(make_app(world.board, log)) as opened:
        yield opened


def run(client: httpx.Client, **more: Any) -> AnalysisRun:
    return AnalysisRun(client=client, **{"query": ASK} | more)


class TestLimits:
    def test_undecided_pauses_at_once_by_default(self, client: httpx.Client) -> None:
        assert run(client).measure() is Phase.INCONCLUSIVE

    def test_a_patient_metric_waits_until_it_may(self, world: World, client: httpx.Client) -> None:
        analysis = run(client, **PATIENT)
        assert {analysis.measure() for _ in range(50)} == {Phase.RUNNING}
        world.decide(Action.ADVANCE, 2500)
        assert analysis.measure() is Phase.SUCCESSFUL

    def test_harm_fails_at_once(self, world: World, client: httpx.Client) -> None:
        analysis = run(client, **PATIENT)
        analysis.measure()
        world.decide(Action.ROLLBACK, 0, "harm: errors")
        assert analysis.measure() is Phase.FAILED

    @pytest.mark.parametrize("wrong", [{"hash": "v3"}, {"hash": ""}, {"rollout": "another"}])
    def test_who_asks_of_something_else_aborts_after_five(
        self, client: httpx.Client, wrong: dict[str, str]
    ) -> None:
        analysis = run(client, **PATIENT | {"query": ASK | wrong})
        assert [analysis.measure() for _ in range(4)] == [Phase.RUNNING] * 4
        assert analysis.measure() is Phase.ERROR

    def test_a_server_that_starts_anew_is_waited_for(
        self, world: World, log: EverythingRead, client: httpx.Client
    ) -> None:
        """Errors count only in a row: four of them, and then the verdict."""
        analysis = run(client, **PATIENT)
        log.why = "the log is being read"
        for _ in range(4):
            analysis.measure()
        log.why = ""
        world.decide(Action.ADVANCE, 2500)
        assert analysis.measure() is Phase.SUCCESSFUL

    def test_a_server_that_is_gone_aborts_after_five(self, world: World) -> None:
        with over_http(make_app(world.board)) as client:
            analysis = run(client, **PATIENT)
            analysis.measure()
            gone = httpx.Client(base_url=client.base_url)
        analysis.client = gone
        assert [analysis.measure() for _ in range(5)][-2:] == [Phase.RUNNING, Phase.ERROR]
        gone.close()

    def test_a_silent_judge_never_passes(self, world: World, client: httpx.Client) -> None:
        """It pauses, as a person wants it who says pause; until the judge is heard again."""
        world.decide(Action.ADVANCE, 2500)
        world.beat(valid_s=0)
        analysis = run(client, **PATIENT)
        assert {analysis.measure() for _ in range(20)} == {Phase.RUNNING}
        world.beat()
        world.command(CommandKind.PAUSE)
        assert {analysis.measure() for _ in range(20)} == {Phase.RUNNING}
        world.command(CommandKind.RESUME)
        assert analysis.measure() is Phase.SUCCESSFUL
