"""A real browser; any test may ask for it (marker `browser`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from infra.rigs.cache import Absent
from infra.rigs.chromium import launched
from tests.dashboard.visitor import Visitor

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.conftest import Absence


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(absent: Absence) -> AsyncIterator[Browser]:
    """One browser for all tests of a process."""
    async with AsyncExitStack() as held:
        try:
            started = await held.enter_async_context(launched())
        except Absent as error:
            absent("browser", str(error))
        yield started


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """Opens pages; in the end none may have complained, nor broken its policy."""
    visits = Visitor(chromium)
    yield visits
    assert visits.complaints == []
