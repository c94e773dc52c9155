"""A davy that looks on while somebody else moves the traffic: events as they happen, and verdicts.

The route of the cluster says which share the candidate gets; the feed publishes what both versions
answer under it, now. An actuator that may only read looks at the same route (`dry_run`), a worker
judges, and the verdict server answers whoever asks.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np

from infra.rigs.objects import Access, Api, Object
from streams.demo.processes import HOST, Part, Parts, free_port
from streams.spec.model import RolloutSpec, Stage, Target
from tests.agents.pipeline import Pipeline, spec
from tests.environment import environment_of

NAME = "digits"
CANARY_HOST = "digits-canary"
PASSWORD = "wood-and-water"
RATE = 400.0
TICK_S = 0.1
ROUTE: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": NAME},
}
KUBERNETES = Path(__file__).parents[2] / "infra" / "kubernetes"
RBAC = KUBERNETES / "rbac"
READER = (RBAC / "account.yaml", RBAC / "look-only.yaml")
"""All that an actuator needs that only looks."""


def shipped(name: str, namespace: str) -> str:
    """A manifest of controllers that ask, for this namespace in place of its own."""
    text = (KUBERNETES / "verdicts" / name).read_text()
    return text.replace("namespace: production", f"namespace: {namespace}")


def candidate_weight(kube: Api) -> int:
    """The candidate's share of the route, in percent."""
    routes = kube.read(ROUTE)["spec"]["http"][0]["route"]
    by_host = {one["destination"]["host"]: one.get("weight", 0) for one in routes}
    return int(by_host.get(CANARY_HOST, 0))


class Feed:
    """Publishes what two versions answer, under the share that the route gives at the time."""

    def __init__(
        self, pipeline: Pipeline, share: Callable[[], float], error_rates: tuple[float, float]
    ) -> None:
        self._pipeline, self._share, self._error_rates = pipeline, share, error_rates
        self._dice = np.random.default_rng(7)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._count = 0
        self.failures: list[Exception] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)
        self._pipeline.settle()

    def _play(self) -> None:
        owed, last = 0.0, time.monotonic()
        try:
            while not self._ended.wait(TICK_S):
                now = time.monotonic()
                owed, last = owed + RATE * (now - last), now
                share = self._share()
                for _ in range(int(owed)):
                    self._publish(candidate=bool(self._dice.random() < share))
                owed -= int(owed)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failures.append(error)

    def _publish(self, *, candidate: bool) -> None:
        failed = bool(self._dice.random() < self._error_rates[candidate])
        self._count += 1
        event = {
            "request_id": f"r{self._count}",
            "unit": None,
            "service": NAME,
            "model_version": "v2" if candidate else "v1",
            "completed_at": time.time_ns() // 1_000_000,
            "latency_ms": float(self._dice.lognormal(3.0, 0.4)),
            "status": "ERROR" if failed else "OK",
            "predicted_class": None if failed else str(int(self._dice.integers(0, 4))),
            "score": None if failed else float(self._dice.random()),
        }
        value = self._pipeline.codec.encode("predictions", event)
        self._pipeline.produce("predictions", str(event["request_id"]), value)


class Live:
    """One davy on topics of its own, that looks on at one namespace. Use as a context manager."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        parts: Parts,
        folder: Path,
        reader: Access,
        stable_host: str = "digits-stable",
    ) -> None:
        self._stable_host = stable_host
        self.pipeline = Pipeline(bootstrap, prefix, parts, reconcile_s=0.5)
        self._reader = reader
        self._kubeconfig = reader.kubeconfig(folder / "davy.kubeconfig")
        self._passwords = folder / "passwords"
        self._passwords.write_text(f"controller:{PASSWORD}\n")
        port = free_port()
        self.address = f"http://{HOST}:{port}"
        self.client = httpx.Client(base_url=self.address, auth=("controller", PASSWORD), timeout=20)
        worker = self.pipeline.worker()
        actuator = self._start("actuator", free_port())
        server = self._start("verdicts", port)
        server.wait_until(self._ready, what="it has read the log", deadline_s=60)
        self.parts = (worker, actuator, server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _start(self, command: str, port: int) -> Part:
        env = environment_of(self.pipeline.settings)
        env |= {"DAVY_HTTP__PORT": str(port), "DAVY_HTTP__BASIC_AUTH_FILE": str(self._passwords)}
        return self.pipeline.parts.start(
            command, [sys.executable, "-m", "streams.cli", command], env=env
        )

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def apply(self, revision: str, *shares_bp: int, min_time_s: float = 3.0) -> RolloutSpec:
        """Begin davy's rollout of a revision, with a stage for each share and then all."""
        stages = (Stage(weight_bp=bp, min_time_s=min_time_s, min_exposures=50) for bp in shares_bp)
        options = {
            "namespace": self._reader.namespace,
            "name": NAME,
            "destinations": {"baseline": self._stable_host, "candidate": CANARY_HOST},
            "kubeconfig": str(self._kubeconfig),
        }
        made = spec(
            f"{NAME}-v2",
            revision=revision,
            target=Target(router="virtualservice", options=options, dry_run=True),
            stages=(*stages, Stage(weight_bp=10_000)),
            report_every_s=1.0,
            lease_s=10.0,
        )
        self.pipeline.apply(made)
        return made

    def feeding(self, kube: Api, candidate_errors: float) -> Feed:
        """Traffic as the route says; the baseline fails once in a hundred."""

        def share() -> float:
            return candidate_weight(kube) / 100

        return Feed(self.pipeline, share, (0.01, candidate_errors))

    def eventually(self, condition: Callable[[], bool], *, what: str) -> None:
        """Poll a condition, while all parts run."""
        self.pipeline.eventually(condition, what=what, parts=self.parts, deadline_s=120)

    def last_decision(self) -> dict[str, Any]:
        """The newest on the topic."""
        return self.pipeline.decisions()[-1]

    def answers(self, via: str, answer: str) -> float:
        """How often the server has answered so."""
        wanted = f'davy_verdicts_answers_total{{answer="{answer}",via="{via}"}} '
        lines = self.client.get("/metrics").text.splitlines()
        found = [float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)]
        return found[0] if found else 0.0
