"""What happens from the first process to the last line?

A good candidate is rolled out, then a bad one; this only applies the specs and watches. Who
decides is the worker, who moves traffic is the actuator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from streams.demo.acts import Act, Result, View, acts
from streams.demo.export import export
from streams.demo.faults import Fault
from streams.demo.feed import Feed
from streams.demo.processes import Part, Parts
from streams.demo.scene import DAVY, Scene, set_up
from streams.demo.summary import Summary
from streams.demo.table import Show
from streams.errors import PartError
from streams.spec.load import load_spec
from streams.spec.model import RolloutSpec

ACT_S = 120.0
TEMPLATE = files("streams.demo").joinpath("rollout.yaml").read_text(encoding="utf-8")
LOOK_S = 0.1
APPLY_S = 60.0
End = Callable[[Summary, str], None]
"""What is done when all is told; gets the summary, and the dashboard's address or nothing."""


def tell(
    folder: Path,
    *,
    broker: str,
    router: str,
    fault: Fault,
    show: Show,
    end: End,
    looked_at: bool = False,
) -> Summary:
    """Run the whole demo with its parts' logs in `folder`; leaves no process behind.

    `end` is called while all parts still run, but nobody asks any more; `looked_at`: with a
    dashboard beside it.

    Raises:
        PartError: a part did not start or ended too soon.
    """
    began = time.monotonic()
    with Parts(folder) as parts:
        scene = set_up(
            parts, broker=broker, router=router, fault=fault, say=show.say, looked_at=looked_at
        )
        set_up_s = time.monotonic() - began
        with Feed(scene.settings) as feed, show:
            results = play_all(acts(fault), scene, feed, show)
            export(results, scene, show)
        told = Summary(
            fault=fault,
            broker=broker,
            router=router,
            set_up_s=set_up_s,
            total_s=time.monotonic() - began,
            results=results,
        )
        scene.end_traffic()
        end(told, scene.page)
    return told


def play_all(planned: Sequence[Act], scene: Scene, feed: Feed, show: Show) -> list[Result]:
    """One act after the other; where one does not end as it must, the next has no ground."""
    results: list[Result] = []
    for act in planned:
        results.append(play(act, scene, feed, show))
        view = results[-1].view
        show.say(f"{act.rollout}: {view.outcome} after {view.elapsed_s:.0f} s")
        if not results[-1].as_expected:
            break
    return results


def play(act: Act, scene: Scene, feed: Feed, show: Show) -> Result:
    """Apply the act's spec and watch until the traffic has settled, or time is up."""
    spec = apply(act, scene)
    show.say(f"{act.rollout}: {act.baseline} -> {act.candidate}, fault: {act.fault}")
    began = time.monotonic()
    while True:
        scene.check()
        feed.refresh(LOOK_S)
        scene.counts.refresh()
        view = look(act, scene, feed, elapsed_s=time.monotonic() - began)
        show.view(view, spec)
        if view.settled or view.elapsed_s > ACT_S:
            return _result(view, scene)


def look(act: Act, scene: Scene, feed: Feed, *, elapsed_s: float) -> View:
    """What can be seen now."""
    return View(
        act=act,
        elapsed_s=elapsed_s,
        told=feed.told(act.rollout),
        applied=feed.applied(act.rollout),
        measured=scene.counts.share(act.candidate),
        rate=scene.counts.rate,
        released=feed.released(act.rollout),
    )


def apply(act: Act, scene: Scene) -> RolloutSpec:
    """Deploy the act's route and hand its spec to `davy rollout apply`, as a person would."""
    route = scene.front.deploy(baseline=act.baseline, candidate=act.candidate)
    path = scene.folder / f"{act.rollout}.yaml"
    path.write_text(act.spec_text(TEMPLATE, route))
    log = scene.folder / f"apply-{act.rollout}.log"
    command = [*DAVY, "rollout", "apply", str(path)]
    with Part(f"apply-{act.rollout}", command, log=log, env=scene.env) as part:
        if part.wait(deadline_s=APPLY_S) != 0:
            raise PartError(f"davy rollout apply did not take {path}:\n{part.tail()}")
    return load_spec(path).spec


def _result(view: View, scene: Scene) -> Result:
    counts = scene.counts.latest
    return Result(
        view=view,
        first_fault_ms=counts.first_fault_ms.get(view.act.candidate),
        last_answer_ms=counts.last_ms.get(view.act.candidate),
    )
