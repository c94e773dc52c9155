"""The dashboard's app on a world of a test's own, and a browser of it over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from streams.dashboard.app import create_app
from streams.dashboard.meters import Meters
from streams.http_settings import HttpSettings
from streams.serving.server import listen
from streams.serving.status import Status, pages
from streams.settings import Settings
from streams.verdicts.desk import Desk
from streams.verdicts.ledger import Ledger
from streams.verdicts.service import serving
from tests.dashboard.world import World

ANY_PORT = HttpSettings(port=0)
API = "/api/v1"


def make_app(
    world: World, http: HttpSettings = ANY_PORT, stopping: threading.Event | None = None
) -> FastAPI:
    """The app as the program makes it."""
    registry = CollectorRegistry()
    registry.register(Meters(world.window))
    desk = Desk(rollouts=world.board, log=world.log, ledger=Ledger(registry))
    told = pages(lambda: Status(unready=()), registry)
    ends = stopping or threading.Event()
    return create_app(Settings(http=http), world.window, desk, told, ends)


@contextmanager
def over_http(world: World, http: HttpSettings = ANY_PORT) -> Iterator[httpx.Client]:
    """A client of the app, served by the real server on loopback."""
    stopping = threading.Event()
    with (
        serving(make_app(world, http, stopping), listen(ANY_PORT, 0)) as url,
        httpx.Client(base_url=url, timeout=20) as client,
    ):
        try:
            yield client
        finally:
            stopping.set()
