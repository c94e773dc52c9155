"""The verdict server as a program: records in, answers out; on each broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.access_settings import SigningSettings
from streams.demo.processes import wait_until
from streams.http_settings import HttpSettings
from streams.judge.decision_facts import Action
from streams.serving.server import listen
from streams.spec.model import RolloutSpec, Target
from streams.verdicts.service import run_verdicts
from streams.wire.keys import new_pair, read_private
from streams.wire.signatures import Signer
from tests.actuator.log import Log, make_spec

FREE = HttpSettings(port=0)


def free_port() -> int:
    """A port that is free now."""
    with listen(FREE, 0) as taken:
        return int(taken.getsockname()[1])


class Server:
    """A verdict server in a thread of this process, and a client of it."""

    def __init__(self, log: Log) -> None:
        port = free_port()
        self.settings = log.settings.model_copy(update={"http": HttpSettings(port=port)})
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        self._stop, self.failures = threading.Event(), []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            run_verdicts(self.settings, stop=self._stop)
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            self.failures.append(error)

    def start(self) -> None:
        """Returns when it has read the log."""
        self._thread.start()
        wait_until(self._ready, what="a server that has read the log", deadline_s=40)

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        self.client.close()
        assert not self._thread.is_alive()

    def ask(self, rollout: str, **more: str) -> httpx.Response:
        """`GET /v1/verdict`, of the candidate's version where nothing else is said."""
        return self.client.get(
            "/v1/verdict", params={"rollout": rollout, "hash": "v2", "weight": "25"} | more
        )

    def wait_for(self, rollout: str, result: str, **more: str) -> dict[str, Any]:
        """The first answer with this result."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            answer = self.ask(rollout, **more)
            found[:] = [answer.json()]
            return answer.status_code == 200 and found[0]["result"] == result

        try:
            wait_until(there, what=f"{result} of {rollout}", deadline_s=20)
        except Exception as error:
            raise AssertionError(f"{error}; the last answer: {found}") from error
        return found[0]


@contextmanager
def serving(log: Log) -> Iterator[Server]:
    server = Server(log)
    server.start()
    try:
        yield server
    finally:
        server.stop()
    assert server.failures == []


@pytest.fixture
def log(broker: Any, prefix: str) -> Iterator[Log]:
    opened = Log(broker.bootstrap, prefix)
    yield opened
    opened.close()


def spec(rollout: str, **more: Any) -> RolloutSpec:
    return make_spec(rollout, Target(router="memory", options={"name": rollout}), **more)


class TestServer:
    def test_a_rollout_from_its_spec_to_its_end(self, log: Log) -> None:
        """Unknown, undecided, pass of a stage, not yet of the next, pass of all; then a restart."""
        one = spec("digits-v2", revision="6f9c7b")
        with serving(log) as server:
            unknown = server.ask(one.rollout)
            assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_rollout")
            log.apply(one)
            assert server.wait_for(one.rollout, "undecided")["code"] == "no_decision"
            log.decide(one, Action.ADVANCE, 2500)
            log.beat(one)
            passed = server.wait_for(one.rollout, "pass")
            assert (passed["code"], passed["wanted"], passed["judge"]) == ("advance", 25.0, "live")
            assert server.wait_for(one.rollout, "undecided", weight="50%")["code"] == "not_yet"
            for wrong in ("", "v1", "6f9c7c"):
                refused = server.ask(one.rollout, hash=wrong)
                assert (refused.status_code, refused.json()["code"]) == (409, "wrong_revision")
            log.decide(one, Action.HOLD, 2500)
            server.wait_for(one.rollout, "undecided")
            log.decide(one, Action.PROMOTE, 10_000)
            log.beat(one, "ENDED")
            last = server.wait_for(one.rollout, "pass", weight="", hash="6f9c7b")
            assert (last["seq"], last["judge"], last["weight"]) == (3, "ended", 100.0)
        with serving(log) as again:
            posted = again.client.post(
                "/v1/verdict", json={"service": "digits", "hash": "6f9c7b", "weight": "100%"}
            )
            assert posted.json() == again.ask(one.rollout, weight="").json() == last

    def test_what_lies_in_history(self, log: Log) -> None:
        """Heartbeats of history are none; a rollback and an abort of history hold."""
        held, back, ended = spec("held"), spec("back"), spec("ended")
        for each in (held, back, ended):
            log.apply(each)
            log.decide(each, Action.ADVANCE, 2500)
            log.beat(each, valid_s=600)
        log.decide(back, Action.ROLLBACK, 0)
        log.command(ended, "ABORT")
        with serving(log) as server:
            assert server.wait_for(held.rollout, "undecided")["code"] == "no_lease"
            assert server.wait_for(back.rollout, "fail")["code"] == "test"
            aborted = server.wait_for(ended.rollout, "fail")
            assert (aborted["code"], aborted["reason"]) == ("aborted", "aborted by ada")
            log.beat(held)
            server.wait_for(held.rollout, "pass")


class TestSigned:
    def test_strangers_pass_nobody(self, tansu: str, prefix: str, tmp_path: Path) -> None:
        """With trusted keys an unsigned decision or heartbeat means nothing."""
        pair = new_pair(tmp_path / "keys")
        signing = SigningSettings(trusted=pair.public)
        log = Log(tansu, prefix, signer=Signer(read_private(pair.private)), signing=signing)
        one = spec("digits-v2")
        log.apply(one)
        with serving(log) as server:
            log.decide(one, Action.HOLD, 100)
            log.decide(one, Action.ADVANCE, 2500, tampered=lambda sent: replace(sent, headers=()))
            log.beat(one, tampered=lambda sent: replace(sent, headers=()))
            log.beat(one, age_s=90.0)
            assert server.wait_for(one.rollout, "undecided")["judge"] == "frozen"
            log.beat(one)
            wait_until(
                lambda: server.ask(one.rollout).json()["judge"] == "live",
                what="the judge's own heartbeat",
                deadline_s=20,
            )
            assert server.ask(one.rollout).json()["seq"] == 1
            log.decide(one, Action.ADVANCE, 2500, seq=2)
            server.wait_for(one.rollout, "pass")
        log.close()
