"""Workers that are killed, stopped, frozen, added and taken away."""

from __future__ import annotations

import signal
import time

from tests.soak import rollouts
from tests.soak.facts import Fleet, Scenario
from tests.soak.planted.marks import FLUSHES
from tests.soak.stage import Stage

FOR_EVER = 10**6
SESSIONS = 2.2
"""For how many session timeouts a zombie sleeps."""


def quiet(stage: Stage) -> None:
    for _ in range(3):
        stage.await_progress()


def killed(stage: Stage) -> None:
    for _ in range(3):
        fault = stage.fault("SIGKILL")
        stage.kill(stage.dice.choice(stage.workers))
        stage.start_worker()
        stage.await_progress(fault)


def killed_once(stage: Stage) -> None:
    fault = stage.fault("SIGKILL")
    stage.kill(stage.dice.choice(stage.workers))
    stage.start_worker()
    stage.await_progress(fault)


def burst(stage: Stage) -> None:
    """All at once, and their successors before they have come up."""
    fault = stage.fault("all workers SIGKILL, three times in a row")
    for _ in range(3):
        count = len(stage.workers)
        for worker in list(stage.workers):
            stage.kill(worker)
        for _ in range(count):
            stage.start_worker()
        stage.until_s(time.monotonic() + stage.dice.uniform(0.1, 1.5))
    stage.await_progress(fault)


def die_at_flushes(stage: Stage) -> None:
    """The fleet's workers are of the kind that dies; their successor lives."""
    mortal = stage.workers[0]
    for flushes in (stage.dice.randrange(4, 9), stage.dice.randrange(4, 9), FOR_EVER):
        stage.mortal.append(mortal)
        stage.until(lambda mortal=mortal: not mortal.running, "a worker dies in a flush")
        assert mortal.exit_code == -signal.SIGKILL, mortal.tail()
        stage.forget(mortal)
        fault = stage.fault("SIGKILL at a flush")
        mortal = stage.start_worker(**{FLUSHES: str(flushes)})
    stage.await_progress(fault)


def graceful(stage: Stage) -> None:
    """Two, one, two, one, two: each leaves in order, under load."""
    for _ in range(2):
        fault = stage.fault("SIGTERM")
        stage.stop(stage.workers[0])
        stage.await_progress(fault)
        fault = stage.fault("one worker more")
        stage.start_worker()
        stage.await_progress(fault)


def at_close(stage: Stage) -> None:
    """Members come and go just when a pane closes."""
    for number in range(4):
        pane = stage.watch.closed_through()
        stage.until(lambda pane=pane: stage.watch.closed_through() > pane, "a pane closes")
        fault = stage.fault("rebalance at a pane's close")
        if number % 2 == 0:
            stage.stop(stage.dice.choice(stage.workers))
        else:
            stage.start_worker()
        stage.await_progress(fault)


def zombie(stage: Stage) -> None:
    frozen = stage.dice.choice(stage.workers)
    began_s = time.monotonic()
    fault = stage.fault("SIGSTOP")
    frozen.signal(signal.SIGSTOP)
    stage.await_progress(fault)
    stage.until_s(began_s + SESSIONS * stage.settings.session_timeout_s)
    fault = stage.fault("SIGCONT")
    frozen.signal(signal.SIGCONT)
    stage.await_progress(fault)
    stage.await_progress()


def churn(stage: Stage) -> None:
    fault = stage.fault("a worker comes or goes every second or two")
    for _ in range(8):
        few = len(stage.workers) < 2
        many = len(stage.workers) > 3
        match "start" if few else stage.dice.choice(("stop", "kill") if many else ALL_WAYS):
            case "start":
                stage.start_worker()
            case "stop":
                stage.stop(stage.dice.choice(stage.workers))
            case _:
                stage.kill(stage.dice.choice(stage.workers))
        stage.until_s(time.monotonic() + stage.dice.uniform(0.5, 2.0))
    stage.await_progress(fault)
    stage.await_progress()


ALL_WAYS = ("start", "stop", "kill")


def spare(stage: Stage) -> None:
    """More workers than partitions: one stands by until another is killed."""
    fault = stage.fault("SIGKILL with a spare worker")
    stage.kill(stage.workers[0])
    stage.await_progress(fault)


def _planted(what: str, **changes: object) -> Fleet:
    return Fleet(worker=("-m", "tests.soak.planted", what, "worker"), **changes)  # type: ignore[arg-type]


SCENARIOS = (
    Scenario(name="quiet", says="Nothing happens.", inject=quiet, seconds=15, ci=True),
    Scenario(
        name="killed",
        says="A worker is killed under load and replaced, three times.",
        inject=killed,
        seconds=40,
        mixes=True,
    ),
    Scenario(
        name="killed-burst",
        says="All workers are killed at once, three times before any has come up.",
        inject=burst,
        seconds=25,
        ci=True,
        mixes=True,
    ),
    Scenario(
        name="killed-in-flush",
        says="Workers die with all records of a flush at the broker and its transaction open.",
        inject=die_at_flushes,
        fleet=_planted("die-in-flush", workers=1),
        seconds=35,
        ci=True,
    ),
    Scenario(
        name="killed-after-flush",
        says="Workers die right behind a commit.",
        inject=die_at_flushes,
        fleet=_planted("die-after-flush", workers=1),
        seconds=35,
    ),
    Scenario(
        name="graceful",
        says="Workers leave in order and others come, under load.",
        inject=graceful,
        seconds=30,
        mixes=True,
    ),
    Scenario(
        name="rebalance-at-close",
        says="Workers come and go just when a pane closes.",
        inject=at_close,
        seconds=30,
        mixes=True,
    ),
    Scenario(
        name="zombie",
        says="A worker is frozen for more than twice its session, then wakes.",
        inject=zombie,
        seconds=32,
        ci=True,
        mixes=True,
    ),
    Scenario(
        name="churn",
        says="Every second or two a worker comes, leaves or is killed.",
        inject=churn,
        seconds=35,
        mixes=True,
    ),
    Scenario(
        name="spare",
        says="Of four workers for three partitions one is killed.",
        inject=spare,
        fleet=Fleet(workers=4),
        seconds=25,
    ),
    Scenario(
        name="slow-agent",
        says="Every batch takes 0.4 s.",
        inject=killed_once,
        fleet=_planted("slow"),
        seconds=25,
    ),
    Scenario(
        name="exceptions",
        says="Every fourth batch fails in the fold, before or behind the work.",
        inject=killed_once,
        fleet=_planted("fail-in-fold"),
        seconds=25,
    ),
    Scenario(
        name="labels-killed",
        says="Workers are killed while labels, purchases and payments are joined.",
        inject=killed,
        fleet=Fleet(spec=rollouts.labelled, outcomes=True),
        seconds=40,
        ci=True,
    ),
    Scenario(
        name="shadow-killed",
        says="A worker is killed while answers wait for their pairs.",
        inject=killed_once,
        fleet=Fleet(spec=rollouts.shadow),
        seconds=25,
        ci=True,
    ),
)
