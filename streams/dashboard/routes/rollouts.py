"""Which rollouts are there, and how does one stand?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from streams.dashboard.answers.rollout import RolloutList, RolloutView, SpecDocument
from streams.dashboard.answers.series import Maturity
from streams.dashboard.maturity import maturity_of
from streams.dashboard.routes.asked import TROUBLES, Id, Limit
from streams.dashboard.view import view_of
from streams.dashboard.window import Window
from streams.spec.model import LONGEST_WORDS

After = Annotated[
    str | None, Query(max_length=LONGEST_WORDS, description="`next` of the page before.")
]


def rollouts_router(window: Window) -> APIRouter:
    """The list, one rollout, its spec and its labels."""
    router = APIRouter(responses=TROUBLES)

    @router.get("/rollouts")
    def rollouts(limit: Limit = 50, before: After = None) -> RolloutList:
        """Those that live first, then the newest."""
        return window.page(limit, before)

    @router.get("/rollouts/{rollout}")
    def one(rollout: Id) -> RolloutView:
        """All that is small and holds now."""
        with window.looking(rollout) as seen:
            return view_of(seen)

    @router.get("/rollouts/{rollout}/spec")
    def spec(rollout: Id) -> SpecDocument:
        """The whole spec, every default filled in."""
        known = window.known(rollout)
        return SpecDocument(spec_hash=known.spec.spec_hash, spec=known.spec.model_dump(mode="json"))

    @router.get("/rollouts/{rollout}/cohorts")
    def cohorts(rollout: Id) -> Maturity:
        """How mature labels are."""
        with window.looking(rollout) as seen:
            return maturity_of(seen.known.spec, seen.book)

    return router
