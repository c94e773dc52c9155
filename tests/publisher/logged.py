"""Events as KServe's payload logger sends them, and requests by hand to an ASGI app."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
NOW_MS = 1_790_000_000_000
IMAGE = {"instances": [[0.0, 1.0]]}
SEVEN = {"predictions": [7]}


def stamp(ms: float) -> str:
    """A time as Go writes it: RFC 3339 with nanoseconds."""
    told = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{told:%Y-%m-%dT%H:%M:%S.%f}000Z"


def headers(kind: str, identity: str, at_ms: float | None = NOW_MS, **more: str) -> dict[str, str]:
    """Of one event; `more` are further attributes."""
    told = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": identity,
        "ce-type": kind,
        "ce-source": "http://localhost:9081/",
        "ce-inferenceservicename": "digits",
        "ce-namespace": "default",
        "ce-component": "predictor",
        "ce-endpoint": "",
        "ce-metadata": "{}",
    }
    if at_ms is not None:
        told["ce-time"] = stamp(at_ms)
    return told | {f"ce-{name}": value for name, value in more.items()}


@dataclass(slots=True)
class Clock:
    """Both clocks of a bridge; a test moves them."""

    ms: int = NOW_MS

    def wall_ms(self) -> int:
        return self.ms

    def clock_s(self) -> float:
        return self.ms / 1000

    def pass_s(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


async def ask(
    app: Any, method: str, path: str, told: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, str]:
    """Code and text of an app's answer to a request that comes in two parts."""
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(n.encode(), v.encode("latin-1")) for n, v in (told or {}).items()],
    }
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


async def tell(app: Any, told: Mapping[str, str], data: object, path: str = "/v2") -> int:
    """Send one event; the code of the answer."""
    code, _ = await ask(app, "POST", path, told, json.dumps(data).encode())
    return code
