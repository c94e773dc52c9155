"""The list of rollouts, as a person sees it in a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.dashboard import stories
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import PHONE, WATCH_TASKS, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SMOOTH_MS = 300


def row(page: Page, rollout: str) -> Locator:
    """The line of a rollout."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=rollout, exact=True))


class TestList:
    async def test_tells_state_and_reason(self, visitor: Visitor, shown: Shown) -> None:
        """A word for the state, and why, for each rollout."""
        shown.tell(stories.bad())
        shown.tell(stories.good())
        with shown.served() as url:
            async with visitor.at(url) as page:
                await expect(row(page, stories.BAD)).to_contain_text("Rolled back")
                await expect(row(page, stories.BAD)).to_contain_text(
                    "Harm shown: errors of candidate"
                )
                await expect(row(page, stories.BAD)).to_contain_text("limit crossed")
                await expect(row(page, stories.GOOD)).to_contain_text("Promoted")
                await expect(page.locator("#counts")).to_have_text(
                    "2 rollouts: 1 promoted, 1 rolled back"
                )

    async def test_a_line_leads_to_its_rollout(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(url) as page:
                await page.get_by_role("link", name=stories.BAD).click()
                await expect(page.get_by_role("heading", level=1)).to_have_text(stories.BAD)

    async def test_finds_and_filters(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(url) as page:
                await page.get_by_label("Find").fill("CATS")
                await expect(row(page, stories.HELD)).to_be_visible()
                await expect(row(page, stories.BAD)).to_have_count(0)
                await page.get_by_label("Find").fill("")
                await page.get_by_text("Ended", exact=True).click()
                await expect(row(page, stories.BAD)).to_be_visible()
                await expect(row(page, stories.HELD)).to_have_count(0)
                await page.get_by_label("Find").fill("nobody has this")
                await expect(page.get_by_text("No rollout fits.")).to_be_visible()

    async def test_a_new_rollout_comes_by_itself(self, visitor: Visitor, shown: Shown) -> None:
        with shown.served() as url:
            async with visitor.at(url) as page:
                await expect(page.get_by_text("There is no rollout yet.")).to_be_visible()
                shown.tell(stories.held())
                await expect(row(page, stories.HELD)).to_contain_text("Held")

    async def test_fits_a_phone(self, visitor: Visitor, shown: Shown) -> None:
        """Nothing is wider than the screen, and lines are rows for a screen reader still."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(url, viewport=PHONE) as page:
                await expect(row(page, stories.BAD)).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    @pytest.mark.alone
    async def test_fifty_rollouts_stay_smooth(self, visitor: Visitor, shown: Shown) -> None:
        """The page is never busy for long while news of all come, and lines stay where they are."""
        fleet = stories.many(50)
        half = len(fleet) // 2
        shown.tell(fleet[:half])
        with shown.served() as url:
            async with visitor.at(url) as page:
                await expect(page.locator("#rows tr").first).to_be_visible()
                await page.evaluate(WATCH_TASKS)
                shown.tell(fleet[half:])
                await expect(page.locator("#counts")).to_contain_text("50 rollouts")
                first = await page.locator("#rows tr").first.element_handle()
                name = await page.locator("#rows tr a").first.inner_text()
                applied = next(each for each in fleet if each.record.get("rollout") == name)
                async with page.expect_response("**/api/v1/rollouts?*"):
                    shown.beat(applied)
                assert await page.evaluate("(line) => line.isConnected", first)
                assert await page.evaluate("window.longest") < SMOOTH_MS
