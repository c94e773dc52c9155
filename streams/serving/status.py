"""What does a process say of itself? Three pages: alive, ready, and its figures.

`Status` is what a process knows of itself; it is made by its main loop and read by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from streams.serving.server import Answer, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Why a process is not well; empty where it is."""

    dead: tuple[str, ...] = ()
    """Why it must be started again."""
    unready: tuple[str, ...] = ("starting",)
    """Why its work is not being done, wherever the fault lies."""


def pages(status: Callable[[], Status], registry: CollectorRegistry) -> Mapping[str, Page]:
    """`/healthz`, `/readyz` and `/metrics`."""
    return {
        "/healthz": lambda: _told(status().dead),
        "/readyz": lambda: _told((*status().dead, *status().unready)),
        "/metrics": lambda: Answer(
            status=HTTPStatus.OK,
            body=generate_latest(registry),
            kind=CONTENT_TYPE_PLAIN_0_0_4,
        ),
    }


def _told(reasons: tuple[str, ...]) -> Answer:
    if not reasons:
        return Answer(status=HTTPStatus.OK, body=b"ok\n")
    body = "".join(f"{reason}\n" for reason in reasons).encode()
    return Answer(status=HTTPStatus.SERVICE_UNAVAILABLE, body=body)
