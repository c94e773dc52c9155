"""How do page, API and verdicts become one web app?"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from importlib import metadata

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from streams.dashboard.answers.common import Trouble
from streams.dashboard.orders import NoAnswer
from streams.dashboard.page import STATIC, page_router
from streams.dashboard.routes import api_router
from streams.dashboard.shield import STATIC_PATH, Shield
from streams.dashboard.window import Window
from streams.serving.access import open_guard
from streams.serving.door import Door
from streams.serving.server import Page
from streams.settings import Settings
from streams.verdicts.app import add_pages, faults_of, methods_of, verdict_router
from streams.verdicts.desk import Desk, said

ASK_DOCUMENT = "/openapi.json tells what may be asked"
ABOUT = "Rollouts as people see them, commands, and verdicts for controllers that ask."


def create_app(
    settings: Settings,
    window: Window,
    desk: Desk,
    pages: Mapping[str, Page],
    stopping: threading.Event,
) -> FastAPI:
    """The dashboard; `pages` are health, readiness and metrics.

    Raises:
        SettingsError: the file of passwords cannot be read or used.
    """
    app = FastAPI(
        title="davy dashboard",
        summary=ABOUT,
        version=metadata.version("davy"),
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(api_router(window, stopping))
    app.include_router(verdict_router(desk))
    app.include_router(page_router())
    add_pages(app, pages)
    app.mount(STATIC_PATH, StaticFiles(directory=STATIC))
    app.add_exception_handler(NoAnswer, _no_answer)
    app.add_exception_handler(RequestValidationError, _senseless)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    guard = open_guard(settings.http)
    app.add_middleware(Door, guard=guard)
    app.add_middleware(Shield, loopback_only=guard.stands_open)  # around the door
    return app


async def _no_answer(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, NoAnswer):
        return await _failed(request, error)
    return said(error.status, error.trouble)


async def _senseless(request: Request, error: Exception) -> JSONResponse:
    return said(422, _trouble(request, "bad_request", faults_of(error), ASK_DOCUMENT))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses, told in davy's form, with every method that a path has."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_")
    refusal = said(status, _trouble(request, code, phrase, ASK_DOCUMENT))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal.headers["Allow"] = methods_of(request)
    return refusal


async def _failed(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours; the framework logs it with its traceback."""
    reason = f"the dashboard failed at this question: {type(error).__name__}"
    advice = "its log has the traceback; other questions are answered"
    return said(500, _trouble(request, "our_fault", reason, advice))


def _trouble(request: Request, code: str, reason: str, advice: str) -> Trouble:
    where = f"{request.method} {request.url.path}"
    return Trouble(code=code, reason=reason, where=where, advice=advice)
