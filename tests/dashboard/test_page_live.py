"""What comes while somebody looks: decisions, a lost connection, a day's worth of news."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from playwright.async_api import expect

from streams.demo.processes import free_port
from tests.dashboard import stories
from tests.dashboard.shown import Entry, Shown
from tests.dashboard.visitor import WATCH_TASKS, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_PAINT_MS, FIRST_FIGURES_MS = 1000, 2000
SMOOTH_MS = 400
PAINTED = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null'
WATCH_ROWS = """
window.filledMs = null;
new MutationObserver((_, observer) => {
  if (document.querySelector("#scores tbody tr, #rows tr") === null) return;
  observer.disconnect();
  window.filledMs = performance.now();
}).observe(document, { childList: true, subtree: true });
"""
"""`window.filledMs`: when the first line that the API told stood on the page, ms after the ask."""
NEWS = 120
"""Records: 30 panes to a decision, and some decisions of them."""


def before_the_end(story: tuple[Entry, ...]) -> int:
    """Where the last decision stands: all before it was told, it was not."""
    places = [place for place, entry in enumerate(story) if entry.topic == "decisions"]
    return places[-1]


class TestNews:
    async def test_a_decision_comes_and_is_said(self, visitor: Visitor, shown: Shown) -> None:
        """The sentence, the timeline and the screen reader's line change by themselves."""
        story = stories.bad()
        end = before_the_end(story)
        shown.tell(story[:end])
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.BAD}") as page:
                await expect(page.locator("#sentence")).not_to_contain_text("Reading")
                await expect(page.locator("#sentence")).not_to_contain_text("Rolled back")
                await expect(page.locator("#timeline > li").first).to_be_visible()
                count = await page.locator("#timeline > li").count()
                shown.tell(story[end:])
                await expect(page.locator("#sentence")).to_contain_text("Rolled back")
                await expect(page.get_by_role("status").first).to_contain_text("New: Rolled back")
                await expect(page.locator("#timeline > li")).to_have_count(count + 1)

    async def test_what_is_open_stays_open(self, visitor: Visitor, shown: Shown) -> None:
        """News change figures in place: focus and open details stay where they are."""
        story = stories.bad()
        end = before_the_end(story)
        shown.tell(story[:end])
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.BAD}") as page:
                details = page.locator("#traffic details")
                await details.locator("summary").click()
                await details.locator("summary").focus()
                shown.tell(story[end:])
                await expect(page.locator("#sentence")).to_contain_text("Rolled back")
                await expect(details.locator("tbody tr").first).to_be_visible()
                await expect(details.locator("summary")).to_be_focused()


class TestConnection:
    async def test_a_lost_server_is_told_and_found_again(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """How old the data is, in words; once the server is back, what was missed is there."""
        port, story = free_port(), stories.bad()
        end = before_the_end(story)
        shown.tell(story[:end])
        with ExitStack() as first:
            url = first.enter_context(shown.served(port))
            async with visitor.at(f"{url}/rollouts/{stories.BAD}") as page:
                connection = page.locator("#connection")
                await expect(connection).to_have_text("Live")
                first.close()
                await expect(connection).to_contain_text("Connection lost, data")
                shown.tell(story[end:])
                with shown.served(port):
                    await expect(connection).to_have_text("Live", timeout=30_000)
                    await expect(page.locator("#sentence")).to_contain_text("Rolled back")
        visitor.complaints[:] = [each for each in visitor.complaints if "net::ERR_" not in each]


class TestSpeed:
    @pytest.mark.alone
    async def test_first_paint(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.BAD}") as page:
                await page.wait_for_function(f"{PAINTED} !== null")
                assert await page.evaluate(PAINTED) <= FIRST_PAINT_MS

    @pytest.mark.alone
    @pytest.mark.parametrize(
        ("path", "line"),
        [(f"/rollouts/{stories.BAD}", "#scores tbody tr"), ("/", "#rows tr")],
        ids=["rollout", "list"],
    )
    async def test_first_figures(
        self, visitor: Visitor, shown: Shown, path: str, line: str
    ) -> None:
        """The server's skeleton is no answer: the API's figures stand in it soon after."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at("about:blank") as page:
                await page.add_init_script(WATCH_ROWS)
                await page.goto(f"{url}{path}")
                await expect(page.locator(line).first).to_be_visible()
                assert await page.evaluate("window.filledMs") <= FIRST_FIGURES_MS

    @pytest.mark.alone
    async def test_a_day_of_panes_stays_smooth(self, visitor: Visitor, shown: Shown) -> None:
        """All charts are in sight and get news of a rollout that is a day old."""
        story = stories.long()
        shown.tell(story[:-NEWS])
        with shown.served() as url:
            tall = {"width": 1440, "height": 6000}
            async with visitor.at(f"{url}/rollouts/{stories.LONG}", viewport=tall) as page:
                await expect(page.locator("#series canvas").first).to_be_visible()
                await expect(page.locator("#traffic canvas")).to_be_visible()
                await page.evaluate(WATCH_TASKS)
                for begin in range(len(story) - NEWS, len(story), NEWS // 3):
                    async with page.expect_response("**/evidence?*"):
                        shown.tell(story[begin : begin + NEWS // 3])
                assert await page.evaluate("window.longest") < SMOOTH_MS
