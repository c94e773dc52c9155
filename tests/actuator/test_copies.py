"""The shadow example at a real Envoy: copies carry their request's id, users hear the baseline."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from streams.actuator.facts import DecisionFact
from streams.demo.processes import Parts, wait_until
from streams.demo.proxy import start_envoy
from streams.judge.decision_facts import Action
from streams.judge.shadow_policy import copied
from streams.spec.load import load_spec
from tests.actuator.test_example import Steered

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "shadow.yaml"
REQUESTS = 300


def _handler(name: str, ids: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ids.append(self.headers.get("x-request-id", ""))
            self.send_response(200)
            self.send_header("content-length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def versions(ids: dict[str, list[str]]) -> Iterator[dict[str, int]]:
    """A server per version that notes the ids of its requests; version -> loopback port."""
    started = {
        name: ThreadingHTTPServer(("127.0.0.1", 0), _handler(name, seen))
        for name, seen in ids.items()
    }
    for server in started.values():
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield {name: server.server_address[1] for name, server in started.items()}
    finally:
        for server in started.values():
            server.shutdown()
            server.server_close()


def asked(url: str) -> set[str]:
    """Who answered the requests that were sent."""
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    answers = set()
    for _ in range(REQUESTS):
        line.request("GET", "/")
        answers.add(line.getresponse().read().decode())
    line.close()
    return answers


class Mirrored(Steered):
    """Steered by what the judge of a shadow rollout decides."""

    def decide_stage(self, seq: int, stage: int, action: Action) -> None:
        """Copies of a stage's share; -1 takes them away."""
        self.actor.decide(
            DecisionFact(
                rollout=self.spec.rollout,
                decision_id=f"d{seq}",
                seq=seq,
                spec_hash=self.spec.spec_hash,
                action=action,
                terminal=action is Action.ROLLBACK,
                weights_bp=copied(self.spec.weights_at(stage)),
                prev_hash=f"h{seq - 1}",
                body_hash=f"h{seq}",
            )
        )
        self.until(lambda: self.told() == (seq, "applied"), what=f"decision {seq}")


def test_the_example(parts: Parts, tmp_path: Path) -> None:
    """Stage by stage, and gone with the abort."""
    ids: dict[str, list[str]] = {"v1": [], "v2": []}
    with versions(ids) as ports:
        proxy = start_envoy(parts, tmp_path, ports, {"v1": 100, "v2": 0})
        steered = Mirrored(load_spec(EXAMPLE).spec, proxy)
        for seq, stage, least, most in ((1, 0, 30, 95), (2, 1, 105, 195)):
            for seen in ids.values():
                seen.clear()
            steered.decide_stage(seq, stage, Action.ADVANCE)
            assert asked(proxy.url) == {"v1"}
            wait_until(lambda low=least: len(ids["v2"]) >= low, what="copies", deadline_s=5)
            assert len(ids["v2"]) <= most
            assert len(set(ids["v1"])) == REQUESTS
            assert set(ids["v2"]) <= set(ids["v1"])
        steered.decide_stage(3, -1, Action.ROLLBACK)
        ids["v2"].clear()
        assert asked(proxy.url) == {"v1"}
        assert ids["v2"] == []
