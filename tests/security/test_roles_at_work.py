"""Every program does its job with its role's rights and no more, and writes no secret down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.rigs.secured import WAYS, Secured
from streams import acls
from streams.demo.processes import Part, Parts
from streams.publisher import Publisher
from streams.publisher.users import UserHash
from streams.settings import Settings
from tests.agents.pipeline import Pipeline
from tests.exporter.test_export import process_page
from tests.notify.receiver import Receiver

pytestmark = pytest.mark.timeout(420)

ROOT = Path(__file__).parents[2]
DAVY = [sys.executable, "-m", "streams.cli"]
ROLLOUT = "digits-v2"
SPEC = """\
service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
stages: [{weight: 50%, min_time: 1s, min_exposures: 20}, 100%]
outcomes: {label: {kind: label, window: 2m, delivery: 5s}}
guardrails: {errors: 2x, accuracy: 2x}
timeout: 1s
routing_lag: 1s
report_every: 2s
"""
WAIT_S = 120
USER = "ada@example.org"
KEY = "hush, the key of all users"
CHAT = "hush-T0-B0"
"""The end of a chat's URL, which is a secret."""


class Deployment:
    """One davy whose programs come in one way, each as the user of its role."""

    def __init__(self, secured: Secured, way: str, prefix: str, parts: Parts) -> None:
        self.secured, self.way, self.prefix, self.parts = secured, way, prefix, parts
        self.group = f"{prefix}davy"
        admin = Settings(bootstrap=secured.admin, prefix=prefix, group=self.group)
        for role in acls.role_names():
            acls.apply(acls.role(role, admin), [f"User:{role}"], admin)
        self.said: list[str] = []

    def env(self, role: str) -> dict[str, str]:
        """Settings of a role's programs; they are as talkative as can be."""
        kafka = self.secured.properties(self.way, role) | {"debug": "conf,security,broker"}
        return {
            "PYTHONPATH": str(ROOT),
            "DAVY_BOOTSTRAP": self.secured.bootstrap(self.way),
            "DAVY_PREFIX": self.prefix,
            "DAVY_GROUP": self.group,
            "DAVY_KAFKA": json.dumps(kafka),
            "DAVY_SOURCE_PARTITIONS": "2",
            "DAVY_ROLLOUT_PARTITIONS": "2",
            "DAVY_LATENESS_MS": "500",
            "DAVY_FLUSH_MS": "100",
        }

    def davy(self, role: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command to its good end, which is one of these exit codes; what it printed."""
        done = subprocess.run(
            [*DAVY, *arguments],
            env=os.environ | self.env(role),
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        assert done.returncode in codes, done.stderr[-3000:]
        return done.stdout

    def start(self, role: str, *arguments: str, **secrets: str) -> Part:
        """Start a program that runs on."""
        command = [*DAVY, *arguments, "--log-level", "DEBUG"]
        return self.parts.start(role, command, env=self.env(role) | secrets)

    def publish(self) -> None:
        """Eight seconds of answers with their labels, through the SDK."""
        now_ms = time.time_ns() // 1_000_000
        with Publisher(
            bootstrap=self.secured.bootstrap(self.way),
            service="digits",
            model_version="v1",
            prefix=self.prefix,
            kafka=self.secured.properties(self.way, "publisher"),
            user_key=KEY,
        ) as publisher:
            for number in range(800):
                known = {"request_id": f"r-{number}", "unit": USER if number == 0 else None}
                publisher.prediction(
                    latency_ms=10.0,
                    predicted_class="7",
                    model_version="v2" if number % 2 else "v1",
                    completed_at_ms=now_ms - 8000 + number * 10,
                    **known,
                )
                publisher.outcome(label="7", **known)
            assert publisher.flush(60)
            assert publisher.counters().lost == 0


class TestRoles:
    @pytest.mark.parametrize("way", WAYS)
    def test_a_rollout_from_end_to_end(
        self, secured: Secured, way: str, prefix: str, parts: Parts, tmp_path: Path
    ) -> None:
        """Topics, rollout, events, decisions, weights, a look at them, and judging them again."""
        spec = tmp_path / "digits.yaml"
        spec.write_text(SPEC)
        davy = Deployment(secured, way, prefix, parts)
        with process_page() as page, Receiver().running() as told:
            walk(davy, spec, page, told)


def walk(davy: Deployment, spec: Path, page: str, told: Receiver) -> None:
    """From the topics to the last look, every step by the role whose it is."""
    davy.davy("operator", "topics", "create")
    hooks = {"ops": {"kind": "slack", "url": "env:SLACK"}}
    secret = {"DAVY_NOTIFY": json.dumps({"hooks": hooks}), "SLACK": f"{told.url}/{CHAT}"}
    notify = davy.start("notify", "notify", **secret)
    notify.wait_until(
        lambda: "notify.assigned" in notify.log.read_text(), what="hooks", deadline_s=WAIT_S
    )
    davy.davy("operator", "rollout", "apply", str(spec))
    worker, actuator = davy.start("worker", "worker"), davy.start("actuator", "actuator")
    scrape = ["--scrape", f"v1={page}", "--service", "digits", "--every", "1s"]
    limits = ["--cpu-limit", "1", "--memory-limit", "1Gi"]
    exporter = davy.start("exporter", "resources", "export", *scrape, *limits)
    running = [worker, actuator, exporter, notify]

    log = Pipeline(davy.secured.admin, davy.prefix, davy.parts)
    log.eventually(
        lambda: len(log.bodies("davy.Activation")) == 2,
        what="activation",
        parts=running,
        deadline_s=WAIT_S,
    )
    davy.publish()
    log.eventually(
        lambda: {"applied"} <= {record["phase"] for _, record in log.read("routing")},
        what="weights applied",
        parts=running,
        deadline_s=WAIT_S,
    )
    log.eventually(
        lambda: "outcomes" in {record["source"] for _, record in log.read("panes")},
        what="outcomes joined",
        parts=running,
        deadline_s=WAIT_S,
    )
    log.eventually(
        lambda: bool(log.raw("resources")), what="use of pods", parts=running, deadline_s=WAIT_S
    )

    assert " at memory: " in davy.davy("page", "rollout", "status", ROLLOUT)
    tail = davy.davy("page", "decisions", "tail", "--no-follow", "--json")
    assert json.loads(tail.splitlines()[0])["rollout"] == ROLLOUT
    verdict = davy.davy("page", "verdict", ROLLOUT, "--json", codes=(0, 3))
    assert json.loads(verdict)["rollout"] == ROLLOUT
    assert "ok" in davy.davy("auditor", "replay", ROLLOUT)
    assert ROLLOUT in davy.davy("auditor", "audit", "verify", ROLLOUT)
    davy.davy("auditor", "topics", "check")
    davy.davy("operator", "rollout", "pause", ROLLOUT)
    log.eventually(
        lambda: bool(log.raw("commands")), what="the command", parts=running, deadline_s=WAIT_S
    )

    log.eventually(
        lambda: {f"/{CHAT}"} == {call.path for call in told.calls},
        what="somebody told",
        parts=running,
        deadline_s=WAIT_S,
    )
    hashed = UserHash(KEY)(USER).encode()
    for topic in ("predictions", "outcomes"):
        assert [m.key() for m in log.raw(topic)].count(hashed) == 1
    davy.said += [part.log.read_text() for part in running if part.stop() is not None]
    assert "ssl.ca.location" in davy.said[-1]
    for role in acls.role_names():
        assert davy.secured.password(role) not in "".join(davy.said)
    assert CHAT not in "".join(davy.said)
