"""Can the oracle fail? Fleets with a bug, and the bar by which each must be caught."""

from __future__ import annotations

from tests.soak.facts import Fleet, Scenario
from tests.soak.planted.marks import MARK, NEW
from tests.soak.rollouts import ROLLOUT
from tests.soak.stage import Stage

PROGRAM = ("-m", "tests.soak.planted")


def one_marked(stage: Stage) -> None:
    stage.publish(stage.made_up(request_id=f"{MARK}1"))
    stage.await_progress()


def killed_once(stage: Stage) -> None:
    fault = stage.fault("SIGKILL")
    stage.kill(stage.workers[0])
    stage.start_worker()
    stage.await_progress(fault)


def some_decisions(stage: Stage) -> None:
    def enough() -> bool:
        last = stage.watch.decision(ROLLOUT)
        return last is not None and last["seq"] > NEW + 1

    stage.until(enough, f"decision {NEW + 2}")


def _worker(bug: str) -> Fleet:
    return Fleet(workers=1, actuators=0, rate=200, worker=(*PROGRAM, bug, "worker"))


SCENARIOS = (
    Scenario(
        name="skip-one",
        says="A worker passes over one event.",
        inject=one_marked,
        fleet=_worker("skip-one"),
        expects=frozenset({"lost"}),
    ),
    Scenario(
        name="count-twice",
        says="A worker counts one event twice.",
        inject=one_marked,
        fleet=_worker("count-twice"),
        expects=frozenset({"double"}),
    ),
    Scenario(
        name="drop-snapshot",
        says="A worker drops the snapshots of open panes, and is killed.",
        inject=killed_once,
        fleet=_worker("drop-snapshot"),
        expects=frozenset({"lost"}),
    ),
    Scenario(
        name="apply-old",
        says="An actuator applies an old decision in place of the newest.",
        inject=some_decisions,
        fleet=Fleet(workers=1, rate=200, actuator=(*PROGRAM, "apply-old", "actuator")),
        expects=frozenset({"applied_out_of_order"}),
    ),
)
