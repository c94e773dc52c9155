"""`davy verdict`: the exit code is the answer, and --wait waits for one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from streams.cli.main import run
from streams.judge.decision_facts import Action
from streams.spec.model import RolloutSpec, Target
from tests.actuator.log import Log, make_spec

Davy = Callable[..., tuple[int, str, str]]


@pytest.fixture
def log(tansu: str, prefix: str) -> Iterator[Log]:
    opened = Log(tansu, prefix)
    yield opened
    opened.close()


@pytest.fixture
def davy(log: Log, capsys: pytest.CaptureFixture[str]) -> Davy:
    """`davy("digits-v2", "--wait")` -> (exit code, stdout, stderr)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        where = ("--bootstrap", log.settings.bootstrap, "--prefix", log.settings.prefix)
        with pytest.raises(SystemExit) as end:
            run(["verdict", *arguments, *where])
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def spec(log: Log) -> RolloutSpec:
    made = make_spec("digits-v2", Target(router="memory", options={"name": "digits"}))
    log.apply(made)
    return made


@pytest.fixture
def heart(log: Log, spec: RolloutSpec) -> Iterator[None]:
    """A judge that is heard again and again."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.2):
            log.beat(spec)

    thread = threading.Thread(target=beat)
    thread.start()
    yield
    stop.set()
    thread.join()


class TestOnce:
    def test_what_is_known(self, log: Log, spec: RolloutSpec, davy: Davy) -> None:
        """Nothing decided, then rolled back; as a line or as JSON."""
        code, out, _ = davy(spec.rollout)
        assert (code, out.split()[:3]) == (3, ["undecided", "digits-v2", "no_decision:"])
        log.decide(spec, Action.ADVANCE, 2500)
        log.decide(spec, Action.ROLLBACK, 0)
        code, out, _ = davy(spec.rollout, "--json", "--hash", "v2", "--weight", "5%")
        answer = json.loads(out)
        assert (code, answer["result"], answer["weight"]) == (1, "fail", 5.0)

    def test_who_is_not_meant(self, spec: RolloutSpec, davy: Davy) -> None:
        code, out, err = davy(spec.rollout, "--hash", "v3")
        assert (code, out) == (4, "")
        assert err.startswith("wrong_revision: asked for revision `v3`, rollout `digits-v2` is")
        code, _, err = davy("another")
        assert code == 4
        assert "`davy rollout list` shows" in err

    def test_of_a_service_and_a_revision(self, log: Log, spec: RolloutSpec, davy: Davy) -> None:
        """As the server answers it: whose rollout lives."""
        log.decide(spec, Action.ROLLBACK, 0)
        code, out, _ = davy("--service", spec.service, "--hash", "v2")
        assert (code, out.split()[:2]) == (1, ["fail", "digits-v2"])
        code, _, err = davy("--service", spec.service, "--hash", "v9")
        assert (code, err.split(":")[0]) == (4, "unknown_rollout")

    @pytest.mark.parametrize(
        ("named", "said"),
        [
            ((), "of which rollout?"),
            (("digits-v2", "--service", "digits"), "not both"),
            (("--service", "digits"), "say which with --hash"),
        ],
    )
    def test_who_is_not_named_once(self, davy: Davy, named: tuple[str, ...], said: str) -> None:
        code, out, err = davy(*named)
        assert (code, out) == (2, "")
        assert said in err

    @pytest.mark.parametrize(
        ("weight", "said"),
        [("much", "`much` is no traffic weight"), ("250%", "250% is outside 1bp to 100%")],
    )
    def test_a_share_that_is_none(self, davy: Davy, weight: str, said: str) -> None:
        code, _, err = davy("digits-v2", "--weight", weight)
        assert code == 2
        assert said in err


class TestWait:
    def test_until_it_may(self, log: Log, spec: RolloutSpec, heart: None, davy: Davy) -> None:  # noqa: ARG002 - it beats
        """Tells what it waits for, once, and ends with the pass."""
        log.decide(spec, Action.HOLD, 100)
        later = threading.Timer(1.0, lambda: log.decide(spec, Action.ADVANCE, 2500))
        later.start()
        code, out, _ = davy(spec.rollout, "--wait", "--weight", "25%", "--timeout", "60s")
        later.join()
        assert code == 0
        lines = out.splitlines()
        assert lines[-1].startswith("pass  digits-v2  advance: davy wants 25%")
        assert len(lines) == len(set(lines)) <= 4

    def test_until_the_time_is_over(self, spec: RolloutSpec, davy: Davy) -> None:
        assert davy(spec.rollout, "--wait", "--timeout", "2s")[0] == 3

    def test_for_a_rollout_that_is_not_there_yet(self, davy: Davy) -> None:
        code, _, err = davy("to-come", "--wait", "--timeout", "3s")
        assert (code, err.split(":")[0]) == (4, "unknown_rollout")
