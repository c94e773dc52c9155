"""Where do people look? Two pages that hold no facts: scripts fetch all of them from the API."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = HERE / "templates"


def page_router() -> APIRouter:
    """`/` and `/rollouts/{rollout}`."""
    router = APIRouter(include_in_schema=False)
    templates = Jinja2Templates(TEMPLATES)
    version = metadata.version("davy")

    @router.get("/")
    def everyone(request: Request) -> HTMLResponse:
        """The list."""
        return templates.TemplateResponse(request, "list.html", {"version": version})

    @router.get("/rollouts/{rollout}")
    def one(request: Request, rollout: str) -> HTMLResponse:
        """One rollout, whether there is such a one or not: the script tells."""
        context = {"version": version, "rollout": rollout}
        return templates.TemplateResponse(request, "rollout.html", context)

    return router
