"""How does the dashboard's process live? `davy dashboard` runs `run_dashboard`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from prometheus_client import CollectorRegistry

from streams.dashboard.app import create_app
from streams.dashboard.meters import Meters
from streams.dashboard.news import News
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_reader import PaneReader
from streams.dashboard.pen import KafkaPen
from streams.dashboard.stories import Stories
from streams.dashboard.told import full
from streams.dashboard.watched import Watched
from streams.dashboard.window import Window
from streams.serving.pulse import Watchdog
from streams.serving.server import listen
from streams.serving.signals import signals
from streams.serving.status import pages
from streams.settings import Settings
from streams.verdicts.desk import Desk
from streams.verdicts.follower import BACK_MS, Follower
from streams.verdicts.health import Health
from streams.verdicts.ledger import Ledger
from streams.verdicts.service import serving

logger = logging.getLogger(__name__)

PORT = 8475
HISTORY_MS = BACK_MS["decisions"]
"""How far back the page tells; the verdict server's answers need no more of decisions either."""
HISTORY: Mapping[str, int] = {"decisions": HISTORY_MS, "routing": HISTORY_MS}
WHAT = "dashboard, verdicts, health, readiness and metrics"


def run_dashboard(
    settings: Settings, *, read_only: bool = False, stop: threading.Event | None = None
) -> None:
    """Answer until SIGINT, SIGTERM or `stop`; `read_only` takes no commands.

    Raises:
        LogError: topics are missing, or no broker answers.
        SettingsError: the address or the passwords cannot be had.
    """
    stopping = stop or threading.Event()
    registry, news = CollectorRegistry(), News()
    stories, books = Stories(news), PaneBooks(news)
    health = Health(settings, registry)
    follower = Follower(settings, Watched(stories), health.pulse.beat, make=full, back_ms=HISTORY)
    health.follower = follower
    reader = PaneReader(settings, books)
    window = Window(
        board=follower.board,
        log=follower,
        stories=stories,
        books=books,
        news=news,
        panes_unread=reader.unread,
        pen=None if read_only else KafkaPen(settings),
        panes_read_pct=reader.read_pct,
        history_ms=HISTORY_MS,
        verifies=follower.verifies,
    )
    registry.register(Meters(window))
    desk = Desk(rollouts=follower.board, log=follower, ledger=Ledger(registry))
    app = create_app(settings, window, desk, pages(health.status, registry), stopping)
    with ExitStack() as held:
        held.enter_context(signals(stopping))
        held.enter_context(serving(app, listen(settings.http, PORT), WHAT))
        if threading.current_thread() is threading.main_thread():  # else it is not our process
            held.enter_context(Watchdog(health.pulse, settings.hang_s))
        if not follower.verifies:
            logger.warning("dashboard.decisions_not_verified: set signing.trusted")
        held.enter_context(reading(reader, stopping))
        follower.run(stopping)


@contextmanager
def reading(reader: PaneReader, stopping: threading.Event) -> Iterator[None]:
    """Panes are read by a thread; where that fails all ends, to be started again."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            reader.run(stopping)
        except Exception as error:  # noqa: BLE001 - raised again where the process ends
            failures.append(error)
            stopping.set()

    thread = threading.Thread(target=run, name="panes")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    if failures:
        raise failures[0]
