"""Two judges, two actuators: killed at a step, or stopped inside one until others take over."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from streams.demo.processes import Part
from tests.failover.steps import END
from tests.soak.facts import Fault, Fleet, Scenario, Until
from tests.soak.rollouts import ROLLOUT
from tests.soak.stage import Stage

WORKER = ("-m", "tests.failover.judge_steps", "worker")
ACTUATOR = ("-m", "tests.failover.actuator_steps", "actuator")
FLEET = Fleet(actuators=2, worker=WORKER, actuator=ACTUATOR)
JUDGE_STEPS = (
    "load/fence:after",
    "load/states:after",
    "decision/1/transaction:before",
    "sent/judge-state/1:after",
    "sent/decisions/1:after",
    "decision/1/transaction:after",
    "decision/2/transaction:before",
)
ACTUATOR_STEPS = (
    "*/decide:after",
    "*/intent:before",
    "*/intent:after",
    "*/apply:before",
    "*/apply:after",
    "*/applied:before",
    "*/applied:after",
)
RAISING = ("*/intent:before", "*/intent:after", "*/apply:before", "*/applied:before")
"""Where one who goes on would still write to `routing` or to the target."""
TAKEOVER_S = 1.5
"""Within this the next owner reads the log, tells what it sees, and leaves its claim."""


def judges_killed(stage: Stage) -> None:
    """One after the other, alone with all partitions, gets as far as a step."""
    for step in stage.dice.sample(JUDGE_STEPS, 3):
        _ended(stage, _alone(stage, stage.workers, f"{step}:SIGKILL"))
        fault = stage.fault(f"a judge is killed at {step}", Until.DECISIONS)
        stage.start_worker()
        stage.start_worker()
        stage.await_decision(fault)


def actuators_killed(stage: Stage) -> None:
    """The same, at the steps of a raise."""
    for step in stage.dice.sample(ACTUATOR_STEPS, 3):
        _ended(stage, _alone(stage, stage.actuators, f"{step}:SIGKILL"))
        fault = stage.fault(f"an actuator is killed at {step}", Until.ROUTING)
        stage.start_actuator()
        _await_routing(stage, fault)


def judge_zombie(stage: Stage) -> None:
    """A judge is stopped inside its transaction; the other has decided when it goes on."""
    zombie = _alone(stage, stage.workers, "sent/decisions/1:after:SIGSTOP")
    stage.until(lambda: _stopped(zombie), "the stop")
    fault = stage.fault("a judge is stopped inside a step", Until.DECISIONS)
    stage.start_worker()
    stage.await_decision(fault)
    zombie.signal(signal.SIGCONT)
    stage.workers.append(zombie)
    stage.await_progress()
    stage.await_decision()


def actuator_zombie(stage: Stage) -> None:
    """An actuator is stopped at a step of a raise; it goes on at any moment of the takeover."""
    step = stage.dice.choice(RAISING)
    zombie = _alone(stage, stage.actuators, f"{step}:SIGSTOP")
    stage.until(lambda: _stopped(zombie), "the stop")
    stage.fault(f"an actuator is stopped at {step}", Until.ROUTING)
    other = stage.start_actuator()
    stage.until(lambda: _has(other), "the partitions of the other")
    stage.until_s(time.monotonic() + stage.dice.uniform(0.0, TAKEOVER_S))
    zombie.signal(signal.SIGCONT)
    stage.actuators.append(zombie)
    stage.until(lambda: "actuator.lost" in zombie.log.read_text(), "word of the loss")
    _await_routing(stage, stage.fault("an actuator goes on that had been stopped", Until.ROUTING))


def _alone(stage: Stage, among: list[Part], end: str) -> Part:
    """A new process that ends or stops at a step, and nobody else of its kind."""
    before = list(among)
    start = stage.start_worker if among is stage.workers else stage.start_actuator
    doomed = start(**{END: end})
    for part in before:
        stage.kill(part)
    stage.forget(doomed)
    return doomed


def _ended(stage: Stage, doomed: Part) -> None:
    stage.until(lambda: not doomed.running, f"the end of {doomed.name}")


def _stopped(part: Part) -> bool:
    assert part.running, f"{part.name} ended:\n{part.tail()}"
    return Path(f"/proc/{part.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _has(actuator: Part) -> bool:
    """Whether the group gave it partitions; it has read nothing of them yet."""
    told = actuator.log.read_text().splitlines() if actuator.log.exists() else []
    return any("actuator.assigned" in line and "partitions=[]" not in line for line in told)


def _await_routing(stage: Stage, fault: Fault) -> None:
    """Wait until an actuator tells of the target again."""

    def told() -> bool:
        last = stage.watch.routing(ROLLOUT)
        return last is not None and last["at"] > fault.at_ms

    stage.until(told, "word of an actuator")


SCENARIOS = (
    Scenario(
        name="judges-killed",
        says="Judges are killed between two steps of loading or deciding, three times.",
        inject=judges_killed,
        fleet=FLEET,
        seconds=60,
    ),
    Scenario(
        name="actuators-killed",
        says="Actuators are killed between two steps of a raise, three times.",
        inject=actuators_killed,
        fleet=FLEET,
        seconds=50,
    ),
    Scenario(
        name="judge-zombie",
        says="A judge is stopped inside its transaction and goes on after another took over.",
        inject=judge_zombie,
        fleet=FLEET,
        seconds=30,
    ),
    Scenario(
        name="actuator-zombie",
        says="An actuator is stopped at a step of a raise and goes on while another takes over.",
        inject=actuator_zombie,
        fleet=FLEET,
        seconds=35,
    ),
)
