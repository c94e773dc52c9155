"""`davy notify` on brokers: nothing is lost, nobody waits for another."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.access_settings import SigningSettings
from streams.demo.processes import Part, Parts, wait_until
from streams.errors import SettingsError
from streams.judge.decision_facts import Action
from streams.notify.sender import MOST_WAITING
from streams.notify.service import run_notify
from streams.notify_settings import NotifySettings
from streams.settings import Settings
from streams.spec.model import RolloutSpec, Target
from streams.wire.keys import new_pair, read_private
from streams.wire.signatures import Signer
from tests.actuator.log import Log, make_spec
from tests.environment import environment_of
from tests.notify.receiver import Receiver

Receive = Callable[..., Receiver]
WAIT_S = 40.0


@pytest.fixture
def log(broker: Any, prefix: str) -> Iterator[Log]:
    """Topics of the test's own."""
    opened = Log(broker.bootstrap, prefix)
    yield opened
    opened.close()


def spec_of(rollout: str) -> RolloutSpec:
    return make_spec(rollout, Target(router="memory", options={"name": rollout}))


def webhook(to: Receiver, **more: Any) -> dict[str, Any]:
    return {"kind": "webhook", "url": to.url, "secret": "env:HOOK_SECRET", **more}


def settings_with(log: Log, hooks: dict[str, Any]) -> Settings:
    notify = NotifySettings.model_validate({"hooks": hooks})
    return log.settings.model_copy(update={"notify": notify})


@contextmanager
def telling(log: Log, caplog: pytest.LogCaptureFixture, **hooks: Any) -> Iterator[None]:
    """The process's work in a thread of this one, once every hook's group has spoken."""
    stop, failures = threading.Event(), list[Exception]()

    def run() -> None:
        try:
            run_notify(settings_with(log, hooks), stop=stop)
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            failures.append(error)

    caplog.set_level("INFO", "davy.notify")
    caplog.clear()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: _assigned(caplog) >= len(hooks), what="assigned", deadline_s=WAIT_S)
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def _assigned(caplog: pytest.LogCaptureFixture) -> int:
    return sum("notify.assigned" in message for message in list(caplog.messages))


def until(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, what=what, deadline_s=WAIT_S)


class TestTold:
    def test_a_rollout_from_beginning_to_end(
        self, log: Log, broker: Any, receive: Receive, caplog: Any
    ) -> None:
        """Spec, stage, a person's wish and the end, each once; a new start tells nothing again."""
        to, spec = receive(), spec_of("one")
        with telling(log, caplog, ops=webhook(to)):
            log.apply(spec)
            until(lambda: to.kinds() == ["started"], "started")
            log.decide(spec, Action.ADVANCE, 2500)
            log.command(spec, "PAUSE")
            log.decide(spec, Action.PROMOTE, 10_000)
            until(lambda: len(to.calls) >= 4, "all")
        expected = ["commanded", "promoted", "stage_advanced", "started"]
        assert sorted(to.kinds()) == expected
        with telling(log, caplog, ops=webhook(to)):
            log.apply(spec_of("two"))
            until(lambda: to.kinds().count("started") > 1, "the next rollout")
        assert sorted(set(to.kinds())) == expected
        assert len(set(to.keys())) == 5
        if broker.transactional:  # the embedded broker keeps no metadata of commits: doubles
            assert len(to.keys()) == 5

    def test_poison_stops_nothing(self, log: Log, receive: Receive, caplog: Any) -> None:
        """Garbage in every topic is skipped, and the next record is told."""
        to, spec = receive(), spec_of("one")
        with telling(log, caplog, ops=webhook(to)):
            for topic in ("rollouts", "decisions", "commands", "routing"):
                for value in (b"", b"garbage", b"\x00\x00\x00\x00\x01"):
                    log.send(topic, spec.rollout, value)
            log.decide(spec, Action.ADVANCE, 2500, readable=False)
            log.apply(spec)
            log.decide(spec, Action.ADVANCE, 2500)
            until(lambda: set(to.kinds()) == {"started", "stage_advanced"}, "told")

    def test_a_new_hook_begins_with_what_comes(
        self, log: Log, receive: Receive, caplog: Any
    ) -> None:
        """Nobody is told a year of history; what it belongs to is known all the same."""
        to, spec = receive(), spec_of("one")
        log.apply(spec)
        log.decide(spec, Action.ADVANCE, 2500)
        with telling(log, caplog, ops=webhook(to)):
            log.decide(spec, Action.ROLLBACK, 0)
            until(lambda: bool(to.calls), "the rollback")
        assert to.kinds() == ["rolled_back"]
        assert to.calls[0].body["data"]["service"] == "digits"

    def test_a_backlog_waits_in_kafka(self, log: Log, receive: Receive, caplog: Any) -> None:
        """More than is held in memory comes while the hook stands still; all is told once."""
        to, names = receive(), [f"r{number}" for number in range(MOST_WAITING + 60)]
        to.gate.clear()
        with telling(log, caplog, ops=webhook(to, timeout_s=60)):
            for name in names:
                log.apply(spec_of(name))
            to.gate.set()
            until(lambda: len(to.calls) >= len(names), "all")
        assert sorted(call.body["data"]["rollout"] for call in to.calls) == sorted(names)


class TestForged:
    def test_nobody_is_told_what_no_judge_said(
        self, tansu: str, prefix: str, receive: Receive, caplog: Any, tmp_path: Path
    ) -> None:
        """A forged promotion moves no champion; the true rollback after it is told."""
        pair = new_pair(tmp_path)
        signer = Signer(read_private(pair.private))
        log = Log(tansu, prefix, signer=signer, signing=SigningSettings(trusted=pair.public))
        to, spec = receive(), spec_of("one")
        with telling(log, caplog, ops=webhook(to)):
            log.apply(spec)
            unsigned = partial(replace, headers=())
            log.decide(spec, Action.PROMOTE, 10_000, tampered=unsigned)
            log.decide(spec, Action.ROLLBACK, 0)
            until(lambda: "rolled_back" in to.kinds(), "the rollback")
        log.close()
        assert to.kinds() == ["started", "rolled_back"]


class TestSeveral:
    @pytest.mark.slow
    def test_members_share_and_take_over(
        self, kafka: str, prefix: str, receive: Receive, parts: Parts
    ) -> None:
        """Two processes tell each transition once; when one dies the other goes on."""
        to, log = receive(), Log(kafka, prefix)
        hooks = {"ops": webhook(to)}
        first, second = (begun(parts, log, hooks) for _ in range(2))
        for part in (first, second):
            part.wait_until(lambda p=part: shares(p) == 1, what="one partition", deadline_s=60)
        specs = [spec_of(f"r{number}") for number in range(8)]
        for spec in specs:
            log.apply(spec)
        until(lambda: len(set(to.keys())) == 8, "all started")
        first.kill()
        for spec in specs:
            log.decide(spec, Action.ROLLBACK, 0)
        until(lambda: len(set(to.keys())) == 16, "all rolled back")
        assert second.stop() == 0
        log.close()
        assert len({(call.headers["webhook-id"], call.raw) for call in to.calls}) == 16


class TestOthers:
    def test_a_dead_a_slow_and_a_refusing_hook_delay_nobody(
        self, log: Log, receive: Receive, caplog: Any
    ) -> None:
        """Each waits by itself; what is refused is given up loudly, and the next one is told."""
        good, slow = receive(), receive()
        slow.gate.clear()
        bad = receive(lambda call: (400 if "started" in call.raw.decode() else 200, {}))
        spec = spec_of("one")
        hooks = {
            "good": webhook(good),
            "slow": webhook(slow, timeout_s=30),
            "dead": webhook(good) | {"url": "http://127.0.0.1:9/"},
            "bad": webhook(bad),
        }
        with telling(log, caplog, **hooks):
            log.apply(spec)
            log.decide(spec, Action.ADVANCE, 2500)
            until(lambda: set(good.kinds()) == {"started", "stage_advanced"}, "the good one")
            until(lambda: len(bad.calls) == 2, "the refusing one")
            assert len(slow.calls) <= 1
            slow.gate.set()
            until(lambda: set(slow.kinds()) == {"started", "stage_advanced"}, "the slow one")
        lines = [m for m in caplog.messages if "given_up" in m]
        assert len(lines) == 1
        assert "hook=bad" in lines[0]
        assert "transition=started" in lines[0]
        assert "answered 400" in lines[0]


class TestKilled:
    @pytest.fixture
    def log(self, kafka: str, prefix: str) -> Iterator[Log]:
        """The embedded broker forgets nothing by itself, but proves nothing either."""
        opened = Log(kafka, prefix)
        yield opened
        opened.close()

    @pytest.mark.slow
    def test_nothing_is_lost_and_doubles_carry_the_same_key(
        self, log: Log, receive: Receive, parts: Parts
    ) -> None:
        """Killed with some told, some under way, some not read: the next process tells the rest."""
        away = threading.Event()
        to = receive(lambda _: (503 if away.is_set() else 200, {}))
        specs = [spec_of(f"r{number}") for number in range(4)]
        first = start(parts, log, {"ops": webhook(to)})
        for spec in specs:
            log.apply(spec)
        until(lambda: len(set(to.keys())) == 4, "all started")
        away.set()
        for spec in specs:
            log.decide(spec, Action.ADVANCE, 2500)
        until(lambda: "stage_advanced" in to.kinds(), "tried in vain")
        first.signal(signal.SIGKILL)
        first.wait(deadline_s=5)
        for spec in specs:
            log.decide(spec, Action.ROLLBACK, 0)
        away.clear()
        before = len(to.calls)
        second = start(parts, log, {"ops": webhook(to)})
        until(lambda: len(set(to.keys())) == 12, "everything")
        assert second.stop() == 0
        after = to.calls[before:]
        expected = {(s.rollout, k) for s in specs for k in ("stage_advanced", "rolled_back")}
        told = {(c.body["data"]["rollout"], c.body["data"]["transition"]) for c in after}
        assert told >= expected
        keys = {(c.headers["webhook-id"], c.raw) for c in to.calls}
        assert len(keys) == len({key for key, _ in keys}) == 12


class TestSecrets:
    @pytest.mark.flow
    def test_a_chats_url_is_in_no_line(
        self, tansu: str, prefix: str, receive: Receive, parts: Parts
    ) -> None:
        """Who has it can write there: however talkative davy is, it does not tell it."""
        to, log = receive(lambda _: (503, {})), Log(tansu, prefix)
        hooks = {"ops": {"kind": "slack", "url": "env:SLACK"}}
        part = start(parts, log, hooks, ["--log-level", "DEBUG"], SLACK=f"{to.url}/T0/hush")
        log.apply(spec_of("one"))
        until(lambda: len(to.calls) > 1, "tried again")
        log.close()
        assert part.stop() == 0
        text = part.log.read_text()
        assert "answered 503" in text
        assert "hush" not in text


class TestStart:
    def test_without_hooks_it_says_what_to_write(self) -> None:
        with pytest.raises(SettingsError, match=r"notify\.hooks: there is none"):
            run_notify(Settings())


def shares(part: Part) -> int:
    """How many partitions it was given last."""
    given = re.findall(r'notify.assigned .*partitions="?\[([^\]]*)\]', part.log.read_text())
    return len(given[-1].split(",")) if given else 0


def begun(
    parts: Parts,
    log: Log,
    hooks: Mapping[str, Any],
    flags: Sequence[str] = (),
    **secrets: str,
) -> Part:
    """`davy notify` on the test's topics."""
    env = environment_of(log.settings)
    env |= {"DAVY_NOTIFY": json.dumps({"hooks": hooks}), **secrets}
    command = [sys.executable, "-m", "streams.cli", "notify", *flags]
    return parts.start(f"notify-{len(list(parts))}", command, env=env)


def start(
    parts: Parts, log: Log, hooks: Mapping[str, Any], flags: Sequence[str] = (), **secrets: str
) -> Part:
    """The same, once its group has spoken."""
    part = begun(parts, log, hooks, flags, **secrets)
    part.wait_until(lambda: "notify.assigned" in part.tail(), what="assigned", deadline_s=60)
    return part
