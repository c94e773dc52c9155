"""Which HTTP requests are predictions, and what do their ids look like? For ASGI and WSGI alike."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from streams.publisher.facts import Status

NOT_PREDICTIONS = (
    "/health", "/healthz", "/live", "/livez", "/ready", "/readyz",
    "/metrics", "/docs", "/redoc", "/openapi.json", "/favicon.ico",
)  # fmt: skip
METHODS = frozenset({"GET", "POST", "PUT", "PATCH"})
SERVER_ERROR = 500
GATEWAY_TIMEOUT = 504
TARGETED = "x-davy-targeted"
"""Header in which davy's router says whom it chose, where a rollout has targeting rules."""
PLAIN_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What of a service is a prediction: paths and everything below them, but not `exclude`."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...]

    def holds(self, method: str, path: str) -> bool:
        """Whether a request is one.

        >>> Served(paths=("/predict",), exclude=()).holds("POST", "/predict/7")
        True
        """
        return (
            method in METHODS
            and any(_is_below(path, root) for root in self.paths)
            and not any(_is_below(path, root) for root in self.exclude)
        )


def request_id(told: Iterable[str]) -> str:
    """The client's id where it is one word of plain ASCII, else a random one."""
    for value in told:
        if PLAIN_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex


def failed_status(code: int | None) -> Status:
    """How a request ended that was not answered below 500."""
    return Status.TIMEOUT if code == GATEWAY_TIMEOUT else Status.ERROR


def _is_below(path: str, root: str) -> bool:
    stem = root.rstrip("/")
    return path == stem or path.startswith(f"{stem}/")
