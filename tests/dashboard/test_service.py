"""The dashboard as a program: records in, answers out, commands back into the log."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from streams.access_settings import SigningSettings
from streams.cli import main
from streams.cli.log import Log as Reader
from streams.dashboard.service import PORT, run_dashboard
from streams.demo.processes import Parts, wait_until
from streams.demo.scene import DAVY
from streams.http_settings import HttpSettings
from streams.judge.decision_facts import Action
from streams.panes.facts import cells_to_states
from streams.spec.model import RolloutSpec, Target
from streams.wire.keys import new_pair, read_private
from streams.wire.signatures import Signer
from tests.actuator.log import Log, make_spec
from tests.dashboard.client import API
from tests.dashboard.world import ARM, cell
from tests.verdicts.test_server import free_port


@pytest.fixture
def log(broker: Any, prefix: str) -> Iterator[Log]:
    opened = Log(broker.bootstrap, prefix)
    yield opened
    opened.close()


def spec(rollout: str = "digits-v2") -> RolloutSpec:
    return make_spec(rollout, Target(router="memory", options={"name": rollout}))


def get(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"{API}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running(log: Log) -> Iterator[httpx.Client]:
    """A dashboard in a thread of this process that has read the log, and a client of it."""
    http = HttpSettings(port=free_port())
    settings = log.settings.model_copy(update={"http": http})
    stop, failures = threading.Event(), list[Exception]()

    def run() -> None:
        try:
            run_dashboard(settings, stop=stop)
        except Exception as error:  # noqa: BLE001 - asserted below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{http.port}", timeout=20) as client:
            wait_until(lambda: ready(client), what="a log that was read", deadline_s=40)
            yield client
    finally:
        stop.set()
        thread.join(30)
    assert (failures, thread.is_alive()) == ([], False)


def cells() -> list[dict[str, Any]]:
    """Of a pane."""
    return cells_to_states({("all", "baseline"): cell(75), ("all", ARM): cell(25, 5)})


def close_pane(
    log: Log, made: RolloutSpec, pane: int, states: list[dict[str, Any]] | None = None
) -> None:
    """What an owner of a source partition writes."""
    body = {
        "rollout": made.rollout,
        "spec_hash": made.spec_hash,
        "pane": pane,
        "cells": cells() if states is None else states,
    }
    record = {
        "source": "predictions",
        "source_partition": 0,
        "source_partitions": 1,
        "rollout_partitions": 2,
        "pane_ms": 1000,
        "body": ("davy.Pane", body),
    }
    log.send("panes", made.rollout, log.codec.encode("panes", record))


class TestWhole:
    def test_from_the_log_to_the_page_and_back(self, log: Log) -> None:
        """What lies in the log before the start, what comes later, and a command."""
        one = spec()
        log.apply(one)
        log.decide(one, Action.ADVANCE, 2500)
        close_pane(log, one, 1_700_000_000)
        with running(log) as client:
            wait_until(
                lambda: not get(client, "/session")["reading"]["panes_unread"],
                what="panes that were read",
                deadline_s=20,
            )
            told = get(client, f"/rollouts/{one.rollout}")
            assert (told["decision"], told["segments"][0]["errors"][ARM]) == (1, 5)
            assert told["summary"]["measured_pct"] == {"baseline": 75.0, ARM: 25.0}
            log.decide(one, Action.HOLD, 2500)
            wait_until(
                lambda: get(client, f"/rollouts/{one.rollout}")["decision"] == 2,
                what="the next decision",
                deadline_s=20,
            )
            headers = {
                "x-davy-token": get(client, "/session")["token"],
                "origin": str(client.base_url).rstrip("/"),
            }
            body = {"command": "abort", "reason": "enough", "actor": "ada"}
            where = f"{API}/rollouts/{one.rollout}/commands"
            sent = client.post(where, json=body, headers=headers)
            assert sent.status_code == 202, sent.text
            wait_until(
                lambda: get(client, f"/rollouts/{one.rollout}")["summary"]["state"] == "aborted",
                what="the command that came back",
                deadline_s=20,
            )
        (entry,) = Reader(log.settings).read("commands")
        assert entry.record is not None
        assert (entry.record["command"], entry.record["actor"]) == ("ABORT", "ada")
        place = f"{log.settings.topic('commands')}-{entry.partition}@{entry.offset}"
        assert sent.json()["where"] == place


class TestSigned:
    def test_a_strangers_decision_is_told_as_that(
        self, tansu: str, prefix: str, tmp_path: Path
    ) -> None:
        pair = new_pair(tmp_path / "keys")
        signing = SigningSettings(trusted=pair.public)
        log = Log(tansu, prefix, signer=Signer(read_private(pair.private)), signing=signing)
        one = spec()
        log.apply(one)
        log.decide(one, Action.HOLD, 100)
        log.decide(one, Action.ADVANCE, 2500, tampered=lambda sent: replace(sent, headers=()))
        with running(log) as client:
            told = get(client, f"/rollouts/{one.rollout}")
            assert (told["decision"], told["summary"]["wanted_pct"][ARM]) == (1, 1.0)
            trail = get(client, f"/rollouts/{one.rollout}/audit")["items"]
            assert "doubted" in [entry["did"] for entry in trail]
            assert get(client, "/session")["reading"]["verifies"] is True
        log.close()


class TestNonsense:
    def test_a_pane_that_fits_no_bucket_is_skipped_and_told(
        self, tansu: str, prefix: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It decodes, so only its counting finds it; the panes around it count."""
        one, (_, spoilt) = spec(), cells()
        spoilt["latency"] = {"index": [1_000_000], "count": [25]}
        with contextlib.closing(Log(tansu, prefix)) as log:
            log.apply(one)
            log.decide(one, Action.ADVANCE, 2500)
            for pane, states in enumerate((cells(), [spoilt], cells()), 1_700_000_000):
                close_pane(log, one, pane, states)
            with caplog.at_level(logging.WARNING), running(log) as client:
                wait_until(
                    lambda: not get(client, "/session")["reading"]["panes_unread"],
                    what="panes that were read",
                    deadline_s=20,
                )
                told = get(client, f"/rollouts/{one.rollout}/distributions?kind=latency")
        assert [arm["count"] for arm in told["arms"]] == [150, 50]
        (line,) = [text for text in caplog.messages if text.startswith("dashboard.skipped")]
        assert "panes-" in line
        assert "skipped, unusable: " in line


ADDRESS = re.compile(r"dashboard, .* at (http://\S+)")


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody listens there: this test, or whoever else does."""
    with socket.socket() as ours:
        with contextlib.suppress(OSError):
            ours.bind(("127.0.0.1", port))
            ours.listen()
        yield


class TestProgram:
    def test_where_its_port_is_taken_it_takes_another_one(
        self, tansu: str, prefix: str, parts: Parts
    ) -> None:
        """It tells its address, and ends when it is asked to."""
        log = Log(tansu, prefix)
        env = {"DAVY_BOOTSTRAP": tansu, "DAVY_PREFIX": prefix, "DAVY_ROLLOUT_PARTITIONS": "2"}
        with taken(PORT):
            part = parts.start("dashboard", [*DAVY, "dashboard", "--read-only"], env=env)
            part.wait_until(lambda: bool(ADDRESS.search(part.tail())), what="it", deadline_s=40)
            (url,) = ADDRESS.findall(part.tail())
        assert not url.endswith(f":{PORT}")
        assert httpx.get(f"{url}{API}/session").json()["may_command"] is False
        assert part.stop() == 0
        log.close()

    def test_the_command_tells_how_it_ends_and_what_it_takes(self) -> None:
        told = CliRunner().invoke(main.app, ["dashboard", "--help"])
        assert told.exit_code == 0
        assert "read-only" in told.output

    def test_topics_that_are_missing_are_said(self, tansu: str, prefix: str) -> None:
        """By whichever thread finds it first."""
        told = CliRunner().invoke(
            main.app,
            ["dashboard", "--bootstrap", tansu, "--prefix", prefix, "--log-level", "ERROR"],
        )
        assert told.exit_code == 1
        assert "is missing; run `davy topics create`" in str(told.exception)
