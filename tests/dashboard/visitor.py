"""Who looks at pages in a real browser, and keeps what they complain of."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
UNFOLDED = "document.querySelectorAll('details.fold').forEach((each) => { each.open = true; })"
"""Opens all that is folded away on a narrow screen."""
ASKED = re.compile(r"/(rollouts/[^/]+|static/.+|api/v1/.+)?")
"""What davy's pages may ask of their server: themselves, what they are made of, the JSON API."""
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
WATCH_TASKS = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
"""
"""From now on `window.longest` is how long the page was busy at once, ms; 0 below 50."""
INTO_SIGHT = """(part) => {
  if (!part.isConnected) return "gone";
  part.scrollIntoView({ block: "center", behavior: "instant" });
  return part.querySelector("canvas, .none") && "drawn";
}"""


async def scroll_to_chart(part: Locator) -> None:
    """Look for a chart until it is drawn: what comes late above it moves it out of sight again."""
    became = "gone"
    while became == "gone":  # the page may put another in its place
        told = await part.page.wait_for_function(INTO_SIGHT, arg=await part.element_handle())
        became = await told.json_value()


@dataclass
class Visitor:
    """Who looks: opens pages, and keeps what they complain of. Playwright hangs its own on it."""

    browser: Browser
    complaints: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def at(self, url: str, **options: Any) -> AsyncIterator[Page]:
        """A page in a context of its own; `options` are those of a browser context."""
        context = await self.browser.new_context(**{"viewport": DESK} | options)
        try:
            page = await context.new_page()
            page.set_default_timeout(15_000)
            await page.add_init_script(WATCH_POLICY)
            page.on("console", self._said)
            page.on("request", self._asked)
            page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
            await page.goto(url)
            yield page
            self.complaints += await page.evaluate("window.violations")
        finally:
            await context.close()

    def _asked(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in {"http", "https"} and not ASKED.fullmatch(where.path):
            self.complaints.append(f"asked beside the API: {request.method} {where.path}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")
