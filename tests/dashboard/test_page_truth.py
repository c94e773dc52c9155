"""Nothing old is shown as new, and no part as the whole."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Page, Route, expect

from tests.dashboard import stories
from tests.dashboard.shown import Entry, Shown
from tests.dashboard.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

HASTE = """
const later = setTimeout;
window.setTimeout = (job, ms, ...more) => later(job, ms >= 10000 ? ms / 20 : ms, ...more);
"""
"""What would happen after ten seconds and more happens soon."""


def of(url: str, rollout: str = stories.HELD) -> str:
    return f"{url}/rollouts/{rollout}"


DATED = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d")


def spec_of(story: tuple[Entry, ...]) -> Entry:
    """The record of its spec."""
    return next(entry for entry in story if entry.topic == "rollouts")


async def tomorrow(page: Page) -> None:
    """The device's clock goes a day ahead, and stands there."""
    await page.clock.set_fixed_time(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))


class TestTimeAlone:
    async def test_a_judge_that_falls_silent(self, visitor: Visitor, shown: Shown) -> None:
        """There is no record of silence, so no news: both pages ask by themselves."""
        story = stories.held()
        shown.tell(story)
        with shown.served() as url:
            async with visitor.at(of(url)) as one, visitor.at(url) as all_of_them:
                for page in (one, all_of_them):
                    await page.add_init_script(HASTE)
                    await page.reload()
                row = all_of_them.locator("#rows tr")
                await expect(one.locator("#state")).to_have_text("Held")
                await expect(row).to_contain_text("Held")
                shown.beat(spec_of(story), valid_ms=4000)  # what it is news for is over by then
                await expect(one.locator("#checks")).to_contain_text("is not heard")
                await expect(row).to_contain_text("Judge not heard")

    async def test_midnight(self, visitor: Visitor, shown: Shown) -> None:
        """A time without its day would be of today, and is of yesterday now."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                first = page.locator("#timeline time").first
                await expect(first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
                await tomorrow(page)
                await expect(first).to_have_text(DATED)
                await expect(page.locator("#trail time").first).to_have_text(DATED)


class TestParts:
    async def test_panes_that_are_read_still(self, visitor: Visitor, shown: Shown) -> None:
        """How far they are, above the page and beside each figure that is summed of them."""
        shown.tell(stories.bad())
        shown.dashboard.panes_unread, shown.dashboard.panes_pct = "panes are being read", 41.7
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                reading, bar = page.locator("#reading"), page.get_by_role("progressbar")
                await expect(reading).to_contain_text("not whole yet: panes are being read")
                await expect(bar).to_have_js_property("value", 41)
                for part in ("traffic", "shapes"):
                    line = page.locator(f"[data-fold={part}] [data-part]")
                    await expect(line).to_have_text("Only a part: 41 % of the panes are read.")
                await expect(page.locator("#traffic figure")).to_have_count(1)
                async with page.expect_response("**/traffic?*"):  # the whole is asked for
                    shown.dashboard.panes_unread, shown.dashboard.panes_pct = "", 100.0
                await expect(reading).to_be_hidden()
                await expect(page.locator("[data-part]:visible")).to_have_count(0)

    async def test_a_log_that_is_not_read(self, visitor: Visitor, shown: Shown) -> None:
        """No rollout is told to wait that may long be promoted; nor is there none."""
        world = shown.dashboard
        world.board._loaded.clear()
        world.log.why = "the log is being read (1 of 1 partitions left)"
        with shown.served() as url:
            async with AsyncExitStack() as pages:
                page = await pages.enter_async_context(visitor.at(url))
                await expect(page.get_by_text("The rollouts are being read.")).to_be_visible()
                story = stories.good()
                shown.tell(story[:2])
                row = page.locator("#rows tr")
                await expect(row).to_contain_text("Being read")
                await expect(page.locator("#counts")).to_have_text("1 rollout so far: 1 being read")
                one = await pages.enter_async_context(visitor.at(of(url, stories.GOOD)))
                await expect(one.locator("#sentence")).to_contain_text("Nothing can be said of")
                await expect(
                    one.locator("#track li, .notice[data-tone=harm]:visible")
                ).to_have_count(0)
                await expect(one.locator("#scores table, #scores .empty")).to_have_count(2)
                await expect(one.locator("#scores > :visible")).to_have_count(0)
                shown.tell(story[2:])
                world.board.loaded(0)
                world.log.why = ""
                await expect(row).to_contain_text("Promoted")
                await expect(one.locator("#sentence")).to_contain_text("Promoted")
        visitor.complaints[:] = [each for each in visitor.complaints if "503" not in each]

    async def test_more_rollouts_than_a_page_shows(self, visitor: Visitor, shown: Shown) -> None:
        """What is not shown may fit all the same; older lines change as well."""
        shown.tell(stories.bad())
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at("about:blank") as page:
                await page.route("**/api/v1/rollouts?limit=100*", one_at_a_time)
                await page.goto(url)
                await expect(page.locator("#counts")).to_contain_text("2 rollouts, 1 of them shown")
                await page.get_by_label("Find").fill("nobody has this")
                await expect(page.locator("#empty")).to_contain_text("among the 1 that are shown")
                await page.get_by_label("Find").fill("")
                await page.get_by_role("button", name="Show older rollouts").click()
                await expect(page.locator("#rows tr")).to_have_count(2)
                older = page.locator("#rows tr").filter(has_text=stories.BAD)
                await expect(older).to_contain_text("Rolled back")


async def one_at_a_time(route: Route) -> None:
    """As if a page had room for one rollout."""
    await route.continue_(url=route.request.url.replace("limit=100", "limit=1"))


class TestEvidence:
    async def test_of_a_slice_is_on_its_way(self, visitor: Visitor, shown: Shown) -> None:
        """Until it has come nothing is said of it, least of all that there is none."""
        shown.tell(stories.sliced())
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        with shown.served() as url:
            async with visitor.at(of(url, stories.SLICED)) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                await page.route("**/decisions/*", hold)
                await page.locator("#segment").select_option("country=DE")
                await expect(page.locator("#scores .empty")).to_have_text("Asking what is known.")
                for route in held:
                    await route.continue_()
                await page.unroute("**/decisions/*")
                await expect(page.locator("#scores tbody tr").first).to_contain_text("country=DE")

    async def test_a_decision_that_was_just_replaced(self, visitor: Visitor, shown: Shown) -> None:
        """Its evidence is gone with the next one: that is asked, and nothing is alarmed."""
        shown.tell(stories.sliced())
        asked: list[str] = []

        async def gone_once(route: Route) -> None:
            asked.append(route.request.url)
            trouble = {"code": "unknown_decision", "reason": "gone", "where": "seq", "advice": ""}
            if len(asked) == 1:
                await route.fulfill(status=404, json=trouble)
            else:
                await route.continue_()

        with shown.served() as url:
            async with visitor.at(of(url, stories.SLICED)) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                await page.route("**/decisions/*", gone_once)
                await page.locator("#segment").select_option("country=DE")
                await expect(page.locator("#scores tbody tr").first).to_contain_text("country=DE")
                await expect(page.locator(".notice[data-tone=harm]:visible")).to_have_count(0)
        assert len(asked) >= 2
        visitor.complaints[:] = [each for each in visitor.complaints if "404" not in each]


class TestDays:
    async def test_sums_and_cohorts_of_another_day_say_so(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        story = stories.labelled()
        half = len(story) // 2
        shown.tell(story[:half])
        with shown.served() as url:
            async with visitor.at(of(url, stories.LABELLED)) as page:
                await expect(page.locator("#shape > p")).to_contain_text("From ")
                await tomorrow(page)
                shown.tell(story[half:])
                await expect(page.locator("#shape > p")).to_contain_text(DATED)
                await page.get_by_text("Cohorts as a table").click()
                first = page.locator("#maturity details tbody th").first
                await expect(first).to_contain_text(DATED)
