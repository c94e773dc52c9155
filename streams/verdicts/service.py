"""How does the verdict server's process live? `davy verdicts` runs `run_verdicts`."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from streams.serving.pulse import Watchdog
from streams.serving.server import listen, url_of
from streams.serving.signals import signals
from streams.serving.status import pages
from streams.settings import Settings
from streams.verdicts.app import create_app
from streams.verdicts.board import Board
from streams.verdicts.desk import Desk
from streams.verdicts.follower import Follower
from streams.verdicts.health import Health
from streams.verdicts.ledger import Ledger

logger = logging.getLogger(__name__)

PORT = 8472
CONNECTIONS = 256
KEEP_ALIVE_S = 5
STOP_S = 5.0


def run_verdicts(settings: Settings, *, stop: threading.Event | None = None) -> None:
    """Answer until SIGINT, SIGTERM or `stop`.

    Raises:
        LogError: topics are missing, or no broker answers.
        SettingsError: the address or the passwords cannot be had.
    """
    stopping = stop or threading.Event()
    registry = CollectorRegistry()
    health = Health(settings, registry)
    follower = Follower(settings, Board(), health.pulse.beat)
    health.follower = follower
    desk = Desk(rollouts=follower.board, log=follower, ledger=Ledger(registry))
    app = create_app(settings, desk, pages(health.status, registry))
    with ExitStack() as held:
        held.enter_context(signals(stopping))
        held.enter_context(serving(app, listen(settings.http, PORT)))
        if threading.current_thread() is threading.main_thread():  # else it is not our process
            held.enter_context(Watchdog(health.pulse, settings.hang_s))
        if not follower.verifies:
            logger.warning("verdicts.decisions_not_verified: set signing.trusted")
        follower.run(stopping)


@contextmanager
def serving(
    app: FastAPI, listening: socket.socket, what: str = "verdicts, health, readiness and metrics"
) -> Iterator[str]:
    """The app on a thread of its own; yields its URL. `what` is there is told in the log."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose word counts is the guard's matter
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(STOP_S),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True
    )
    thread.start()
    logger.info("%s at %s", what, url_of(listening))
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        thread.join(STOP_S * 2)
        listening.close()
