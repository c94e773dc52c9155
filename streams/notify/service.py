"""How does the process live that tells others? `davy notify` runs `run_notify`, until a signal."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack

import stamina.instrumentation

from streams.actuator.reader import RecordReader
from streams.errors import SettingsError
from streams.notify.health import Figures, status_of
from streams.notify.hooks import open_hook, wanted_by
from streams.notify.lane import Lane
from streams.notify.lines import say
from streams.notify.meters import Meters
from streams.notify.reader import told
from streams.notify.sender import Pace, Sender
from streams.notify_settings import HookSettings
from streams.serving.pulse import Pulse, Watchdog
from streams.serving.server import StatusServer
from streams.serving.signals import signals
from streams.serving.status import pages
from streams.settings import Settings
from streams.topics import check_topics
from streams.wire.codec import Codec
from streams.wire.keys import open_trusted
from streams.wire.store import SchemaStore, open_store

PORT = 8474
LOOK_S = 0.2


def run_notify(settings: Settings, *, stop: threading.Event | None = None) -> None:
    """Tell hooks until SIGINT, SIGTERM or `stop`; what is not told by then is told later.

    Raises:
        SettingsError: no hook is set, or one cannot be opened.
        LogError: topics are missing, no broker answers, or a group cannot work together.
    """
    if not settings.notify.hooks:
        raise SettingsError(
            "notify.hooks: there is none, so nobody is told; write one into davy.yaml, "
            "streams/notify/README.md shows how"
        )
    check_topics(settings)
    stamina.instrumentation.set_on_retry_hooks([])  # it is told here, and sparingly
    stopping = stop or threading.Event()
    meters, pulse = Meters(), Pulse()
    store = open_store(settings)
    hooks = settings.notify.hooks.items()
    lanes = [_lane(settings, name, hook, meters, store) for name, hook in hooks]
    meters.registry.register(Figures(lanes, store))
    web = pages(lambda: status_of(lanes, settings.hang_s), meters.registry)
    with ExitStack() as held:
        held.enter_context(signals(stopping))
        held.enter_context(StatusServer(settings.http, web, usual_port=PORT))
        if threading.current_thread() is threading.main_thread():  # else it is not our process
            held.enter_context(Watchdog(pulse, settings.hang_s))
        say(logging.INFO, "started", {"hooks": ", ".join(settings.notify.hooks)})
        _run(lanes, stopping, pulse, settings.hang_s)


def _lane(
    settings: Settings, name: str, options: HookSettings, meters: Meters, store: SchemaStore
) -> Lane:
    pulse = Pulse()
    codec, trusted = Codec(store, settings.prefix), open_trusted(settings)
    return Lane(
        settings,
        name,
        wanted_by(options),
        Sender(name, open_hook(name, options), Pace(give_up_s=options.give_up_s), meters),
        RecordReader(codec, trusted, pulse.beat, make=told, name="notify"),
        pulse,
        meters,
    )


def _run(lanes: list[Lane], stopping: threading.Event, pulse: Pulse, hang_s: float) -> None:
    """All lanes, each in a thread; where one fails all end, to be started again.

    `pulse` beats for as long as those of all lanes do.
    """
    failures: list[Exception] = []

    def run(lane: Lane) -> None:
        try:
            lane.run(stopping)
        except Exception as error:  # noqa: BLE001 - raised again where the process ends
            failures.append(error)
            stopping.set()

    threads = [threading.Thread(target=run, args=(lane,), name=lane.name) for lane in lanes]
    for thread in threads:
        thread.start()
    while not stopping.wait(LOOK_S):
        if all(lane.pulse.age_s < hang_s for lane in lanes):
            pulse.beat()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
