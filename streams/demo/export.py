"""What is left of the demo when its broker is gone? Each rollout's records, to judge them again."""

from __future__ import annotations

from collections.abc import Sequence

from streams.demo.acts import Result
from streams.demo.processes import Part
from streams.demo.scene import DAVY, Scene
from streams.demo.table import Show
from streams.errors import PartError

EXPORT_S = 60.0


def export(results: Sequence[Result], scene: Scene, show: Show) -> None:
    """Judge each rollout again as a person would, and write its records beside the demo's logs."""
    for result in results:
        rollout = result.view.act.rollout
        folder = scene.folder / "export" / rollout
        log = scene.folder / f"replay-{rollout}.log"
        command = [*DAVY, "replay", rollout, "--export", str(folder)]
        with Part(f"replay-{rollout}", command, log=log, env=scene.env) as part:
            show.say(f"{rollout}: {_told(part)}; records in {folder}")


def _told(part: Part) -> str:
    """What came of it; a busy machine must not fail a demo that has ended as it should."""
    try:
        same = part.wait(deadline_s=EXPORT_S) == 0
    except PartError as late:
        return str(late)
    return "judged again, every decision is the same" if same else f"differs: see {part.log}"
