"""A narrow screen: what matters comes first, the rest is folded away behind its heading."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Locator, Page, expect

from tests.dashboard import stories
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import DESK, PHONE, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCREENS = 4
"""So many screens long may a rollout's page be; before anything was folded it was seventeen."""
FOLDED = ("traffic", "series", "shapes", "health", "decisions", "audit", "spec")
HEIGHT = "document.documentElement.scrollHeight"


def of(url: str, rollout: str = stories.BAD) -> str:
    return f"{url}/rollouts/{rollout}"


def fold(page: Page, name: str) -> Locator:
    """What a part is folded into."""
    return page.locator(f"[data-fold={name}] > details")


@asynccontextmanager
async def on_a_phone(visitor: Visitor, shown: Shown, rollout: str) -> AsyncIterator[Page]:
    """A rollout's page on a narrow screen, with all that it asks for."""
    shown.tell(stories.held() if rollout == stories.HELD else stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url, rollout), viewport=PHONE) as page:
            await drawn(page)
            yield page


async def drawn(page: Page) -> None:
    """All that is asked for has come."""
    await expect(page.locator("#scores tbody tr").first).to_be_visible()
    await expect(page.locator("#timeline > li")).not_to_have_count(0)
    await expect(page.locator("#trail tbody tr")).not_to_have_count(0)


class TestFolded:
    async def test_the_verdict_comes_first_and_the_page_is_short(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """State, reason, buttons and shares without unfolding anything."""
        async with on_a_phone(visitor, shown, stories.HELD) as page:
            for wanted in ("#state", "#sentence", "#orders button", "#track", "#shares"):
                await expect(page.locator(wanted).first).to_be_visible()
            for name in FOLDED:
                assert await fold(page, name).get_attribute("open") is None
            assert await page.evaluate(HEIGHT) <= SCREENS * PHONE["height"]
            await expect(page.locator("#sentence")).to_be_in_viewport()

    async def test_a_failing_check_is_told_beside_the_heading(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """What is folded away must not keep bad news to itself."""
        async with on_a_phone(visitor, shown, stories.BAD) as page:
            failing = await page.locator("#checks li[data-tone=warn]").count()
            checks = await page.locator("#checks li").count()
            told = f"{failing} of {checks} fail" if failing else "nothing fails"
            await expect(fold(page, "health").locator(".gist")).to_have_text(told)

    async def test_opened_by_keyboard_and_kept_in_the_visit(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """What was opened is open after a reload; what was not is not."""
        async with on_a_phone(visitor, shown, stories.BAD) as page:
            await fold(page, "decisions").locator("> summary").focus()
            await page.keyboard.press("Enter")
            await expect(page.locator("#timeline > li").first).to_be_visible()
            await page.reload()
            await drawn(page)
            await expect(page.locator("#timeline > li").first).to_be_visible()
            await expect(page.locator("#trail tbody tr").first).to_be_hidden()

    async def test_what_is_opened_is_kept_before_it_is_seen(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """However soon the page is left: not by an event that comes once others had their turn."""
        async with on_a_phone(visitor, shown, stories.BAD) as page:
            assert await fold(page, "decisions").evaluate(OPENED) == '["decisions"]'

    async def test_a_link_to_a_part_opens_it(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(f"{of(url)}#audit", viewport=PHONE) as page:
                await expect(page.locator("#trail tbody tr").first).to_be_visible()
                await page.get_by_role("link", name="Distributions").click()
                await expect(page.locator("#shape canvas")).to_be_visible()

    async def test_the_worst_metrics_and_then_all(self, visitor: Visitor, shown: Shown) -> None:
        """Harm is never folded away."""
        async with on_a_phone(visitor, shown, stories.BAD) as page:
            rows = page.locator("#scores tbody tr")
            for harm in await page.locator("#scores tbody tr[data-tone=harm]").all():
                await expect(harm).to_be_visible()
            count = await rows.count()
            await expect(rows.nth(count - 1)).to_be_hidden()
            await page.get_by_role("button", name=f"All {count} metrics").click()
            await expect(rows.nth(count - 1)).to_be_visible()
            turned = page.get_by_role("button", name="Only the worst metrics")
            await expect(turned).to_have_attribute("aria-expanded", "true")

    async def test_the_order_of_focus_is_that_of_the_page(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """Tab by tab downwards, through closed parts and an open one."""
        async with on_a_phone(visitor, shown, stories.HELD) as page:
            await fold(page, "health").evaluate("(node) => { node.open = true; }")
            tops: list[float] = []
            for _ in range(60):
                await page.keyboard.press("Tab")
                top = await page.evaluate(TOP)
                if top is None:
                    break
                tops.append(top)
            assert len(tops) > 15
            assert all(below - above > -ROW for above, below in itertools.pairwise(tops))


class TestWide:
    async def test_nothing_is_folded(self, visitor: Visitor, shown: Shown) -> None:
        """No further stop for the keyboard, no heading in another place."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url)) as page:
                await drawn(page)
                await expect(page.locator("details.fold")).to_have_count(0)
                await expect(page.locator("#shapes > .head > h2")).to_have_count(1)
                await expect(page.get_by_role("button", name="metrics")).to_have_count(0)

    async def test_a_screen_that_is_turned(self, visitor: Visitor, shown: Shown) -> None:
        """Parts and their charts come back, and go again."""
        async with on_a_phone(visitor, shown, stories.BAD) as page:
            await page.set_viewport_size(DESK)
            await expect(page.locator("details.fold")).to_have_count(0)
            await expect(page.locator("#shapes > .head > h2")).to_be_visible()
            await page.locator("#traffic canvas").scroll_into_view_if_needed()
            await expect(page.locator("#traffic canvas")).to_be_visible()
            await page.set_viewport_size(PHONE)
            await expect(page.locator("details.fold")).not_to_have_count(0)
            await expect(page.locator("#traffic canvas")).to_be_hidden()


OPENED = """async (part) => {
  part.open = true;
  await null; // no event has had its turn
  return sessionStorage.getItem("davy-open");
}"""
"""Opens a part; what the page has kept of it then."""
ROW = 40
"""What stands in one row may differ by so much, px."""
TOP = """
(() => {
  const node = document.activeElement;
  if (node === null || node === document.body) return null;
  return node.getBoundingClientRect().top + scrollY;
})()
"""
"""How far down what has the focus is, px; null where nothing has it."""
