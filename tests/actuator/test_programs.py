"""A spec that comes over Kafka starts no program that the actuator's host does not offer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.audience import EVERYBODY
from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.actuator.routers.programs import permitting
from streams.errors import TargetDenied
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import Target
from tests.actuator.log import Log, make_spec
from tests.actuator.targets import ARMS, CLUSTERS
from tests.actuator.test_service import actuating

NGINX = {"include": "/f", "variable": "$v", "key": "$k", "upstreams": CLUSTERS}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("exec", {"command": ["/bin/sh", "-c", "id"], "name": "x"}, "/bin/sh"),
    ("exec", {"command": ["/opt/move/../../bin/sh"], "name": "x"}, "/opt/move/../../bin/sh"),
    ("exec", {"command": "nothing", "name": "x"}, ""),
    ("nginx", NGINX, "nginx"),
    ("nginx", NGINX | {"nginx": "/bin/sh"}, "/bin/sh"),
]


class TestPermitting:
    @pytest.mark.parametrize(("router", "options", "program"), REFUSED)
    def test_what_is_not_named_is_not_opened(
        self, router: str, options: dict[str, Any], program: str
    ) -> None:
        """It says which program, and where to allow it."""
        opening = permitting(("/opt/move", "/usr/sbin/nginx"), open_router)
        with pytest.raises(TargetDenied, match=f"may not start `{program}` — add it to `programs`"):
            opening(Target(router=router, options=options), ARMS, EVERYBODY)

    @pytest.mark.parametrize(
        ("router", "options"),
        [
            ("exec", {"command": ["/opt/move", "-c"], "name": "x"}),
            ("nginx", NGINX),
            ("memory", {}),
        ],
    )
    def test_the_rest_is_opened(self, router: str, options: dict[str, Any]) -> None:
        """As without the guard."""
        opening = permitting(("/opt/move", "nginx"), open_router)
        assert opening(Target(router=router, options=options), ARMS, EVERYBODY).capabilities


class TestActuator:
    def test_a_spec_runs_no_program_of_its_own(
        self, broker: Any, prefix: str, tmp_path: Path
    ) -> None:
        """`davy actuator` refuses, says so in `routing`, and nothing was started."""
        started = tmp_path / "started"
        command = [sys.executable, "-c", f"open({str(started)!r}, 'w')"]
        log = Log(broker.bootstrap, prefix)
        options = {"command": command, "name": "digits"}
        spec = make_spec("r-exec", Target(router="exec", options=options))
        with actuating(log):
            log.apply(spec)
            log.beat(spec)
            log.decide(spec, Action.ROLLBACK, 0)
            failed = log.wait_for(
                spec.rollout, lambda r: r.phase is RoutingPhase.FAILED, what="a refusal"
            )
        log.close()
        assert f"may not start `{sys.executable}`" in failed.reason
        assert not started.exists()


class TestAddresses:
    @pytest.mark.parametrize(
        ("router", "options"),
        [
            ("webhook", {"url": "http://me:secret@a/", "name": "x", "secret_file": "/s"}),
            ("nginx", NGINX | {"probe": "http://secret@a/"}),
        ],
    )
    def test_hold_no_password(self, router: str, options: dict[str, Any]) -> None:
        """Specs stand in Kafka, messages in logs."""
        with pytest.raises(OptionError, match="would stand in Kafka and in logs") as refusal:
            open_router(Target(router=router, options=options), ARMS)
        assert "secret@" not in str(refusal.value)
