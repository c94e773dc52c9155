"""A notice of a rollout that never was: to check templates with, and to try hooks."""

from __future__ import annotations

from streams.notify.facts import Notice, Place, Subject
from streams.notify_settings import Transition

SAMPLE = Notice(
    key="00000000000000000000000000000000-promoted",
    transition=Transition.PROMOTED,
    subject=Subject(
        rollout="davy-test",
        service="davy-test",
        route="default",
        baseline="1",
        candidates={"candidate": "2"},
        stages=2,
        spec_hash="0" * 32,
    ),
    at_ms=0,
    place=Place(topic="decisions", partition=0, offset=0),
    code="test",
    sentence="a test of davy's: nothing was promoted",
    decision_id="0" * 32,
    seq=1,
    stage=1,
    weights_bp={"all": {"baseline": 0, "candidate": 10_000}},
)
