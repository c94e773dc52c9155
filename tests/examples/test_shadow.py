"""`infra/examples/shadow.yaml` as it stands: a worker pairs, judges and raises copies only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.cli.main import run
from streams.cli.target import check_route
from streams.errors import SpecError
from streams.spec.load import load_spec, parse_spec
from streams.spec.model import RolloutSpec
from tests.agents.pipeline import Pipeline

if TYPE_CHECKING:
    from streams.demo.processes import Parts
    from tests.conftest import Broker

pytestmark = pytest.mark.timeout(180)

FILE = Path(__file__).parents[2] / "infra" / "examples" / "shadow.yaml"
LIVE = {"baseline": 10_000, "candidate": 0}
RATE = 200


def answers(
    start_ms: int, seconds: int, share: float, different: float = 0.01, seed: int = 5
) -> Iterator[dict[str, Any]]:
    """Both versions' answers to the same requests, in order of completion."""
    dice = np.random.default_rng(seed)
    found = []
    for number in range(seconds * RATE):
        at, latency = start_ms + number * 1000 // RATE, float(dice.lognormal(3.0, 0.4))
        common = bool(dice.random() < 0.01)
        kind = int(dice.integers(0, 5))
        base = {"request_id": f"r{seed}-{number}", "service": "digits", "completed_at": at}
        base |= {"status": "ERROR" if common else "OK", "predicted_class": str(kind)}
        found.append(base | {"model_version": "v1", "latency_ms": latency})
        if dice.random() < share:
            other = str((kind + 1) % 5) if dice.random() < different else str(kind)
            ratio, later = float(dice.lognormal(0.0, 0.2)), int(dice.integers(-200, 900))
            copy = {"model_version": "v2", "latency_ms": latency * ratio, "predicted_class": other}
            found.append(base | copy | {"completed_at": at + later})
    return iter(sorted(found, key=lambda event: event["completed_at"]))


class Mirror(Pipeline):
    """With an actuator's word on copies."""

    def copied(self, spec: RolloutSpec, share_bp: int, at_ms: int, fence: int) -> None:
        """What an actuator writes once the router copies this share."""
        weights = {"all": LIVE, "mirror": {"baseline": 10_000 - share_bp, "candidate": share_bp}}
        record = {
            "rollout": spec.rollout,
            "phase": "applied",
            "decision_id": "",
            "fence": fence,
            "desired_bp": weights,
            "applied_bp": weights,
            "at": at_ms,
            "since": at_ms,
            "confirmed_until": at_ms + 3_600_000,
            "router": "envoy",
        }
        self.produce("routing", spec.rollout, self.codec.encode("routing", record))
        self.settle()


def test_copies_to_the_end(broker: Broker, prefix: str, parts: Parts) -> None:
    """From topic to decision: pairs by request id, two stages of copies, `shadow_done`."""
    spec = load_spec(FILE).spec
    pipeline = Mirror(broker.bootstrap, prefix, parts)
    pipeline.apply(spec)
    worker = pipeline.worker()
    start = time.time_ns() // 1_000_000 - 100_000
    pipeline.eventually(
        lambda: len(pipeline.bodies("davy.Activation")) >= 2, what="activation", parts=[worker]
    )
    pipeline.copied(spec, 2000, start, 1)
    pipeline.publish(answers(start, 25, 0.2, seed=5))

    def decided(code: str) -> bool:
        return any(d["reason"].startswith(code) for d in pipeline.decisions())

    pipeline.eventually(
        lambda: any(d["stage"] == 1 for d in pipeline.decisions()), what="stage 1", parts=[worker]
    )
    pipeline.copied(spec, 5000, start + 25_000, 2)
    pipeline.publish(answers(start + 25_000, 70, 0.5, seed=6))
    pipeline.eventually(lambda: decided("shadow_done"), what="shadow_done", parts=[worker])
    decisions = pipeline.decisions()
    assert {d["action"] for d in decisions} == {"advance", "hold"}
    assert all(d["weights_bp"]["all"] == LIVE for d in decisions)
    last = decisions[-1]
    assert last["weights_bp"]["mirror"] == {"baseline": 5000, "candidate": 5000}
    checks = {check["name"]: check for check in last["health"]}
    assert checks["mirrored_share"]["ok"]
    assert checks["unpaired"]["observed"] < 0.01
    kinds = {v["kind"] for v in last["verdicts"]}
    assert {"paired_errors", "latency_ratio", "disagreement"} <= kinds


def test_apply_refuses_a_router_that_cannot_copy() -> None:
    """At the line of `mode`, with what to do."""
    text = FILE.read_text(encoding="utf-8")
    options = (
        "{haproxy: {socket: /run/haproxy.sock, backend: digits, "
        "servers: {baseline: v1, candidate: v2}, fence_file: /run/davy.fence}}"
    )
    changed = "\n".join(f"route: {options}" if line.startswith("route:") else line
                        for line in text.splitlines())  # fmt: skip
    loaded = parse_spec(changed, name="shadow.yaml")
    with pytest.raises(SpecError, match=r"shadow.yaml:5: mode: router haproxy cannot copy"):
        check_route(loaded)


def test_plan_is_of_live_requests(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says what to plan instead."""
    with pytest.raises(SystemExit, match="2"):
        run(["plan", str(FILE), "--rps", "100"])
    assert "plan the rollout of mode live" in capsys.readouterr().err


def test_apply_takes_envoy() -> None:
    """The example as it stands."""
    check_route(load_spec(FILE))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("segments: {country: [SG]}", "copies are not judged by segment"),
        ("unit: user", "copies are compared request by request"),
        ("pair_within: 0s", "pair_within is 0"),
    ],
)
def test_what_copies_cannot_have(line: str, said: str) -> None:
    """Refused at its line."""
    key = line.partition(":")[0]
    lines = FILE.read_text(encoding="utf-8").splitlines()
    kept = [each for each in lines if not each.startswith(key)]
    with pytest.raises(SpecError, match=f"shadow:{len(kept) + 1}: {said}"):
        parse_spec("\n".join([*kept, line]), name="shadow")


@pytest.mark.parametrize("line", ["guardrails: {latency_ratio: +10%}", "pair_within: 2s"])
def test_what_live_requests_cannot_have(line: str) -> None:
    """Pairs are of copies; the message says which mode has them."""
    text = f"service: s\nbaseline: v1\ncandidate: v2\nroute: memory\n{line}"
    with pytest.raises(SpecError, match="mode: shadow"):
        parse_spec(text)
