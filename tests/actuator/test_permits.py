"""A spec that comes over Kafka has nothing started and nobody asked but what settings name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.audience import EVERYBODY
from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.actuator.routers.permits import Permits, permitting
from streams.errors import TargetDenied
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import Target
from tests.actuator.log import Log, make_spec
from tests.actuator.targets import ARMS, CLUSTERS
from tests.actuator.test_own_target import service
from tests.actuator.test_service import actuating

NGINX = {"include": "/f", "variable": "$v", "key": "$k", "upstreams": CLUSTERS}
URL = "http://a/davy?token=hunter2"
HOOK = {"url": URL, "name": "x", "secret_file": "/run/secrets/a"}
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
        permits = Permits(programs=("/opt/move", "/usr/sbin/nginx"))
        opening = permitting(permits, open_router)
        with pytest.raises(TargetDenied, match=f"may not start `{program}` — add it to `programs`"):
            opening(Target(router=router, options=options), ARMS, EVERYBODY)

    @pytest.mark.parametrize(
        ("router", "options"),
        [
            ("exec", {"command": ["/opt/move", "-c"], "name": "x"}),
            ("nginx", NGINX),
            ("memory", {}),
            ("webhook", HOOK),
        ],
    )
    def test_the_rest_is_opened(self, router: str, options: dict[str, Any]) -> None:
        """As without the guard."""
        permits = Permits(programs=("/opt/move", "nginx"), webhooks={URL: "/run/secrets/a"})
        opening = permitting(permits, open_router)
        assert opening(Target(router=router, options=options), ARMS, EVERYBODY).capabilities

    @pytest.mark.parametrize(
        ("webhooks", "options", "says"),
        [
            ({}, HOOK, "may not post to `http://a/davy` — add the URL"),
            ({"http://a/": "/run/secrets/a"}, HOOK, "may not post to `http://a/davy`"),
            ({URL: "/s"}, HOOK | {"url": f"{URL}/../x"}, "may not post to `http://a/davy`"),
            ({URL: "/s"}, HOOK | {"url": None}, "may not post to `None`"),
            ({}, HOOK | {"url": "http://me:hunter2@a/"}, "may not post to `http://a/`"),
            ({URL: "/run/secrets/b"}, HOOK, "is not signed by `/run/secrets/a` — write the"),
        ],
    )
    def test_who_is_not_named_is_not_asked(
        self, webhooks: dict[str, str], options: dict[str, Any], says: str
    ) -> None:
        """Neither another address nor another secret; passwords and tokens in it are not told."""
        opening = permitting(Permits(webhooks=webhooks), open_router)
        with pytest.raises(TargetDenied, match=says) as refusal:
            opening(Target(router="webhook", options=options), ARMS, EVERYBODY)
        assert "hunter2" not in str(refusal.value)


class TestActuator:
    def test_a_spec_runs_no_program_of_its_own(
        self, broker: Any, prefix: str, tmp_path: Path
    ) -> None:
        """`davy actuator` refuses, says so in `routing`, and nothing was started."""
        started = tmp_path / "started"
        command = [sys.executable, "-c", f"open({str(started)!r}, 'w')"]
        target = Target(router="exec", options={"command": command, "name": "digits"})
        told = self.refused(Log(broker.bootstrap, prefix), target)
        assert f"may not start `{sys.executable}`" in told
        assert not started.exists()

    def test_a_spec_has_nobody_asked(self, broker: Any, prefix: str, tmp_path: Path) -> None:
        """As little as anything is sent to an address that only the spec names."""
        secret = tmp_path / "secret"
        secret.write_text(f"whsec_{'A' * 40}")
        with service(lambda _: (200, "inner secrets")) as (url, calls):
            options = {"url": url, "name": "digits", "secret_file": str(secret)}
            target = Target(router="webhook", options=options)
            told = self.refused(Log(broker.bootstrap, prefix), target)
        assert f"may not post to `{url}`" in told
        assert calls == []

    def refused(self, log: Log, target: Target) -> str:
        """What `routing` says of a rollout with this target."""
        spec = make_spec("r-denied", target)
        with actuating(log):
            log.apply(spec)
            log.beat(spec)
            log.decide(spec, Action.ROLLBACK, 0)
            failed = log.wait_for(
                spec.rollout, lambda r: r.phase is RoutingPhase.FAILED, what="a refusal"
            )
        log.close()
        return str(failed.reason)


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
