"""The verdict server's app on a board of a test's own, and who asks it over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from streams.http_settings import HttpSettings
from streams.serving.server import listen
from streams.serving.status import Status, pages
from streams.settings import Settings
from streams.verdicts.app import create_app
from streams.verdicts.board import Board
from streams.verdicts.desk import Desk
from streams.verdicts.ledger import Ledger
from streams.verdicts.service import serving
from tests.verdicts.world import EverythingRead

ANY_PORT = HttpSettings(port=0)


class Time:
    """A clock that goes when a test says so, for gates that open once in a while."""

    def __init__(self) -> None:
        self._began, self.ahead_s = time.monotonic(), 0.0

    def __call__(self) -> float:
        return self._began + self.ahead_s


def make_app(
    board: Board,
    log: EverythingRead | None = None,
    http: HttpSettings = ANY_PORT,
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The app as the program makes it."""
    registry = CollectorRegistry()
    desk = Desk(
        rollouts=board,
        log=log or EverythingRead(),
        ledger=Ledger(registry),
        clock=clock,
    )
    told = pages(lambda: Status(unready=()), registry)
    return create_app(Settings(http=http), desk, told)


@contextmanager
def over_http(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the app, served by the real server on loopback."""
    with (
        serving(app, listen(ANY_PORT, 0)) as url,
        httpx.Client(base_url=url, timeout=20) as client,
    ):
        yield client
