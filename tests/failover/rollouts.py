"""One promotion and one rollback, moved by two actuators, one of which ends at a step.

Real Kafka, real processes, the route file of a real target. The script waits for conditions alone,
so that it goes on whichever of the two is there.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.actuator.facts import RoutingRecord
from streams.actuator.ports import Fence
from streams.actuator.routers import open_router
from streams.demo.processes import Part, Parts, wait_until
from streams.demo.proxy import ROUTE, write_routes
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import RolloutSpec, Target
from tests.actuator.log import Log, make_spec
from tests.actuator.targets import CLUSTERS
from tests.environment import environment_of
from tests.failover.steps import END, TRACE, Step, steps_in

SESSION_S = 2.0
BEAT_S = 0.3
DECISIONS: dict[str, tuple[tuple[Action, int], ...]] = {
    "up": ((Action.ADVANCE, 2500), (Action.HOLD, 2500), (Action.PROMOTE, 10_000)),
    "down": ((Action.ADVANCE, 2500), (Action.ROLLBACK, 0)),
}
LOOKS = {RoutingPhase.APPLIED, RoutingPhase.OBSERVED}


@dataclass(slots=True, kw_only=True)
class Stage:
    """The topics, the targets and the processes of one run."""

    log: Log
    parts: Parts
    folder: Path
    specs: dict[str, RolloutSpec] = field(default_factory=dict)

    @property
    def trace(self) -> Path:
        """Every step of every actuator, as they were taken."""
        return self.folder / "trace.jsonl"

    def rollout(self, name: str) -> RolloutSpec:
        """A rollout on a route file of its own."""
        rds = self.folder / f"{name}.json"
        write_routes(rds, {"v1": 100, "v2": 0})
        options = {"rds": str(rds), "route": ROUTE, "clusters": CLUSTERS}
        self.specs[name] = make_spec(name, Target(router="envoy", options=options))
        self.log.apply(self.specs[name])
        return self.specs[name]

    def actuator(self, name: str, *, end: str = "") -> Part:
        """Start an actuator; `end`: where it ends or stops, and how (see `steps`)."""
        env = environment_of(self.log.settings)
        env |= {"DAVY_INSTANCE_ID": name, TRACE: str(self.trace), END: end}
        command = [sys.executable, "-m", "tests.failover.actuator_steps", "actuator"]
        return self.parts.start(f"actuator-{name}", command, env=env)

    def share(self, name: str) -> int:
        """The candidate's share at the target."""
        spec = self.specs[name]
        return open_router(spec.target, spec.arms).observe().weights_bp["all"]["candidate"]

    def fence(self, name: str) -> Fence | None:
        """Who wrote last to the target."""
        spec = self.specs[name]
        return open_router(spec.target, spec.arms).observe().fence

    def steps(self) -> list[Step]:
        """The trace up to now."""
        return steps_in(self.trace)

    def await_step(self, part: Part, step: str) -> None:
        """Wait until a process has taken a step, or has ended."""

        def taken() -> bool:
            known = (s for s in self.steps() if s.edge == "after" and s.step == step)
            return not part.running or any(s.pid == part.pid for s in known)

        wait_until(taken, what=f"{part.name}: {step}", deadline_s=120)

    def await_look(self, name: str, fence: int, share: int) -> None:
        """Wait until an actuator tells that the decision with this number is in force."""

        def there(record: RoutingRecord) -> bool:
            seen = record.applied_bp.get("all", {}).get("candidate")
            return record.phase in LOOKS and (record.fence, seen) == (fence, share)

        self.log.wait_for(name, there, what=f"{name}: decision {fence} in force", deadline_s=120)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """A judge is heard all the while."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(BEAT_S):
                for spec in list(self.specs.values()):
                    self.log.beat(spec)

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def play(stage: Stage, end: str = "") -> bool:
    """Both rollouts to their ends, moved by `a`, which ends at a step, and then by `b`.

    Returns whether it did end; `a` may have got to the end by another way.
    """
    for name in DECISIONS:
        stage.rollout(name)
    first = stage.actuator("a", end=end)
    for name in DECISIONS:
        stage.await_step(first, f"{name}/0/observed")
    second = stage.actuator("b")
    with stage.judged():
        for name, decisions in DECISIONS.items():
            for seq, (action, share) in enumerate(decisions, 1):
                stage.log.decide(stage.specs[name], action, share)
                stage.await_look(name, seq, share)
        if first.running and end:
            first.stop()
        if end:
            for name, decisions in DECISIONS.items():
                stage.await_step(second, f"{name}/{len(decisions)}/observed")
    return first.exit_code == -signal.SIGKILL


def check(stage: Stage) -> None:
    """What must hold however the run went."""
    for name, decisions in DECISIONS.items():
        records = [r for r in stage.log.routed(name) if r.phase is not RoutingPhase.REFUSED]
        fences = [record.fence for record in records]
        assert fences == sorted(fences), f"{name}: a fence goes back in `routing`: {fences}"
        applies = list(applied(stage.steps(), name))
        numbers = [(fence.seq, fence.claim) for fence in applies]
        assert numbers == sorted(numbers), f"{name}: the target's fence goes back: {numbers}"
        seqs = [fence.seq for fence in applies]
        assert len(seqs) == len(set(seqs)), f"{name}: a decision was applied twice: {seqs}"
        fence = stage.fence(name)
        assert fence is not None
        assert fence.seq >= seqs[-1]
        assert stage.share(name) == decisions[-1][1]


def applied(trace: Sequence[Step], name: str) -> Iterator[Fence]:
    """Fences of the writes that the target took, in their order."""
    for step in trace:
        rollout, _, verb = step.step.split("/", 2) if step.step.count("/") > 1 else ("", "", "")
        if (rollout, verb, step.edge) == (name, "apply", "after"):
            fence = Fence.parse(json.loads(step.says)["fence"])
            assert fence is not None
            yield fence


def staged(bootstrap: str, prefix: str, folder: Path, run: Callable[[Stage], Any]) -> Any:
    """Run on topics and a folder of its own; whatever was started has ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    quick = {"rollout_partitions": 1, "session_timeout_s": SESSION_S, "heartbeat_s": 0.5}
    log = Log(bootstrap, prefix, **quick)
    try:
        with Parts(folder / "logs") as parts:
            return run(Stage(log=log, parts=parts, folder=folder))
    finally:
        log.close()
