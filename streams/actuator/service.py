"""How does the actuator's process live? `davy actuator` runs `run_actuator`, until a signal."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from streams.actuator.beginning import OpenRouter
from streams.actuator.health import Health
from streams.actuator.member import Actuator
from streams.actuator.routers import open_router
from streams.actuator.routers.permits import Permits, permitting
from streams.serving.pulse import Watchdog
from streams.serving.server import StatusServer
from streams.serving.signals import signals
from streams.serving.status import pages
from streams.settings import Settings
from streams.tracing.opening import open_traces

PORT = 8471
TRACES_S = 2.0
"""How long the last spans may take to be sent."""


def run_actuator(
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    open_target: OpenRouter = open_router,
) -> None:
    """Run an actuator until SIGINT, SIGTERM or `stop`; weights stay as they are.

    Args:
        settings: Where Kafka is, and how often targets are looked at.
        stop: Ends it when set, for callers that run it in a thread.
        open_target: Opens routers; by default those of davy and of the entry points.

    Raises:
        LogError: topics are missing, no broker answers, or the group cannot work together.
    """
    stopping = stop or threading.Event()
    traces = open_traces("actuator", wanted=settings.traces)
    health = Health(settings)
    told = pages(health.status, health.meters.registry)
    with ExitStack() as held:
        held.enter_context(signals(stopping))
        if traces is not None:
            held.callback(traces.close, TRACES_S)
        held.enter_context(StatusServer(settings.http, told, usual_port=PORT))
        if threading.current_thread() is threading.main_thread():  # else it is not our process
            held.enter_context(Watchdog(health.pulse, settings.hang_s))
        permits = Permits(programs=settings.programs, webhooks=settings.webhooks)
        open_permitted = permitting(permits, open_target)
        Actuator(settings, open_permitted, health, traces).run(stopping)
