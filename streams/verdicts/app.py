"""How do verdicts become a web app? `create_app`; other apps mount `verdict_router`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib import metadata

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from streams.serving.access import open_guard
from streams.serving.door import Door
from streams.serving.server import Page
from streams.settings import Settings
from streams.verdicts.answers import Problem
from streams.verdicts.argo import argo_router
from streams.verdicts.desk import Desk, said
from streams.verdicts.flagger import flagger_router

ABOUT = "May the new version have more traffic? For Argo Rollouts, Flagger, and whoever asks."


def verdict_router(desk: Desk) -> APIRouter:
    """Everything that is asked of davy by controllers."""
    router = APIRouter()
    router.include_router(argo_router(desk))
    router.include_router(flagger_router(desk))
    return router


def create_app(settings: Settings, desk: Desk, pages: Mapping[str, Page]) -> FastAPI:
    """The verdict server: verdicts, and health, readiness and metrics as `pages`.

    Raises:
        SettingsError: the file of passwords cannot be read or used.
    """
    app = FastAPI(
        title="davy verdicts",
        summary=ABOUT,
        version=metadata.version("davy"),
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(verdict_router(desk))
    add_pages(app, pages)
    app.add_exception_handler(RequestValidationError, _senseless)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(Door, guard=open_guard(settings.http))
    return app


def add_pages(app: FastAPI, pages: Mapping[str, Page]) -> None:
    """Health, readiness and metrics, which no document tells of."""
    for path, page in pages.items():
        app.add_api_route(path, _shown(page), methods=["GET"], include_in_schema=False)


def _shown(page: Page) -> Callable[[], Response]:
    def show() -> Response:
        answer = page()
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(answer.body, answer.status, headers, media_type=answer.kind)

    return show


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses, told in davy's form, with every method that a path has."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    refusal = said(status, Problem(code=phrase.lower().replace(" ", "_"), reason=phrase))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal.headers["Allow"] = methods_of(request)
    return refusal


def methods_of(request: Request) -> str:
    """Every method that a documented path has, as the header `Allow` tells them; GET of others."""
    paths = request.app.openapi()["paths"]
    fitting = (
        told for path, told in paths.items() if compile_path(path)[0].match(request.url.path)
    )
    return ", ".join(sorted({name.upper() for told in fitting for name in told})) or "GET"


async def _senseless(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - Starlette's
    """A request that does not fit the schema, told in davy's form."""
    return said(422, Problem(code="bad_request", reason=faults_of(error)))


def faults_of(error: Exception) -> str:
    """Where a request does not fit the schema, and why."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults)
    return told[:1000]
