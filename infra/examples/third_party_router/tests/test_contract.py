"""The router passes what davy relies on, opened as a rollout would open it."""

import json
from pathlib import Path

import pytest

from streams.actuator.contract import ARMS, Rig, RouterContract
from streams.actuator.ports import Segments
from streams.actuator.routers import open_router
from streams.spec.model import Target

SERVICES = {"baseline": "v1", "candidate": "v2"}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    path = tmp_path / "gate.json"
    path.write_text(json.dumps({"gate": 7, "shares": {"v1": 100, "v2": 0}}))
    target = Target(router="acme-gate", options={"file": str(path), "services": SERVICES})

    def interfere(weights: Segments) -> None:
        shares = {SERVICES[arm]: bp // 100 for arm, bp in weights["all"].items()}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"shares": shares}))

    return Rig(open=lambda: open_router(target, ARMS), interfere=interfere)


class TestGate(RouterContract):
    """Everything that can be seen without traffic."""
