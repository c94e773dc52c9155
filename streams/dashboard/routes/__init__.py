"""What is asked of the dashboard? `streams.dashboard.models` lists routes and answers."""

from __future__ import annotations

import threading

from fastapi import APIRouter

from streams.dashboard.routes.over_time import series_router
from streams.dashboard.routes.rollouts import rollouts_router
from streams.dashboard.routes.session import session_router
from streams.dashboard.routes.steering import steering_router
from streams.dashboard.routes.told import told_router
from streams.dashboard.window import Window

API = "/api/v1"


def api_router(window: Window, stopping: threading.Event) -> APIRouter:
    """The JSON API; streams of events end when `stopping` is set."""
    router = APIRouter(prefix=API, tags=["dashboard"])
    for each in (
        session_router(window, stopping),
        rollouts_router(window),
        series_router(window),
        told_router(window),
        steering_router(window),
    ):
        router.include_router(each)
    return router
