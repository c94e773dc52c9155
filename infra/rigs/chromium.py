"""How does a real browser run here? Debian's Chromium, driven by Playwright; none is fetched."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright, expect

from infra.rigs.cache import need

PROGRAM = "chromium"
PATIENCE_MS = 20_000
"""How long what is expected of a page may take, on a machine with much else to do."""


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser without a window.

    Raises:
        Absent: there is no Chromium.
    """
    need(PROGRAM)
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=shutil.which(PROGRAM))
        try:
            yield started
        finally:
            await started.close()
