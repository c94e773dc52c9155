"""A broker that is not heard, a server that was stopped: no verdict, rather than an old one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streams.demo.broker import RunningBroker, start_tansu
from streams.demo.processes import HOST, Part, Parts, free_port, wait_until
from streams.judge.decision_facts import Action
from streams.spec.model import RolloutSpec, Target
from streams.verdicts.follower import GAP_S, SILENT_S
from tests.actuator.log import Log, make_spec

pytestmark = [pytest.mark.flow, pytest.mark.slow]

ASK = {"rollout": "digits-v2", "hash": "v2", "weight": "25"}


@pytest.fixture
def broker(parts: Parts, tmp_path: Path) -> RunningBroker:
    """The test's own: it is stopped."""
    started = start_tansu(tmp_path / "tansu")
    parts.keep(started.part)
    return started


@pytest.fixture
def log(broker: RunningBroker, prefix: str) -> Iterator[Log]:
    opened = Log(broker.bootstrap, prefix)
    yield opened
    opened.close()


class Asked:
    """A verdict server in a process of its own, and the last answers."""

    def __init__(self, log: Log, parts: Parts) -> None:
        port, settings = free_port(), log.settings
        env = {
            "DAVY_BOOTSTRAP": settings.bootstrap,
            "DAVY_PREFIX": settings.prefix,
            "DAVY_HTTP__PORT": str(port),
        }
        command = [sys.executable, "-m", "streams.cli", "verdicts"]
        self.part: Part = parts.start("verdicts", command, env=env)
        self.client = httpx.Client(base_url=f"http://{HOST}:{port}", timeout=30)

    def code(self) -> tuple[int, str]:
        try:
            answer = self.client.get("/v1/verdict", params=ASK)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.json()["code"]

    def until(self, *expected: tuple[int, str]) -> None:
        """Wait for one of these; `pass` may not be among what is seen on the way but at its end."""
        self.part.wait_until(
            lambda: self.code() in expected, what=f"one of {expected}", deadline_s=40
        )


@pytest.fixture
def asked(log: Log, parts: Parts) -> Iterator[Asked]:
    made = Asked(log, parts)
    yield made
    made.client.close()


def passing(log: Log, asked: Asked) -> RolloutSpec:
    """A rollout that may have its stage, and a judge who is believed for long."""
    spec = make_spec("digits-v2", Target(router="memory", options={"name": "digits"}))
    asked.until((404, "unknown_rollout"))
    log.apply(spec)
    log.decide(spec, Action.ADVANCE, 2500)
    log.beat(spec, valid_s=600)
    asked.until((200, "advance"))
    return spec


class TestBroker:
    def test_one_that_stands_still(self, broker: RunningBroker, log: Log, asked: Asked) -> None:
        """Its connections stay open and its lease lasts; yet it may hold what nobody has read."""
        passing(log, asked)
        broker.part.signal(signal.SIGSTOP)
        asked.until((503, "not_read"))
        assert asked.client.get("/healthz").status_code == 200
        assert "is not heard" in asked.client.get("/readyz").text
        broker.part.signal(signal.SIGCONT)
        asked.until((200, "advance"))


class TestServer:
    def test_one_that_was_stopped(self, log: Log, asked: Asked) -> None:
        """What was decided meanwhile is read before it says anything: never the pass of before."""
        spec = passing(log, asked)
        asked.part.signal(signal.SIGSTOP)
        log.decide(spec, Action.ROLLBACK, 0)
        log.beat(spec, valid_s=600)
        with pytest.raises(httpx.ReadTimeout):
            asked.client.get("/v1/verdict", params=ASK, timeout=GAP_S + 1)
        asked.part.signal(signal.SIGCONT)
        seen: list[tuple[int, str]] = []

        def failed() -> bool:
            seen.append(asked.code())
            return seen[-1] == (200, "test")

        wait_until(failed, what="the rollback", deadline_s=40)
        assert set(seen) <= {(0, ""), (503, "not_read"), (200, "test")}


def test_both_are_waited_for_longer_than_a_look() -> None:
    """A look takes a tenth of a second; what is meant are seconds."""
    assert min(GAP_S, SILENT_S) >= 2
