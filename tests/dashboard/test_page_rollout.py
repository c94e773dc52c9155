"""One rollout's page: what was decided and why, by eye, by keyboard and by screen reader."""

from __future__ import annotations

import itertools

import pytest
from playwright.async_api import Page, expect

from tests.dashboard import stories
from tests.dashboard.contrast import FAINT
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import PHONE, UNFOLDED, Visitor, scroll_to_chart

pytestmark = pytest.mark.asyncio(loop_scope="session")


def of(url: str, rollout: str) -> str:
    return f"{url}/rollouts/{rollout}"


async def headings(page: Page) -> list[int]:
    """Levels of all headings that are shown, in order."""
    script = """
    [...document.querySelectorAll("h1, h2, h3, h4")]
      .filter((node) => node.checkVisibility()).map((node) => Number(node.tagName[1]))
    """
    levels: list[int] = await page.evaluate(script)
    return levels


class TestVerdict:
    async def test_one_sentence_says_what_and_why(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                sentence = page.locator("#sentence")
                await expect(sentence).to_contain_text(
                    "Rolled back: all traffic back to the baseline, because harm is shown: errors"
                )
                await expect(page).to_have_title(f"Rolled back: {stories.BAD} - davy")
                stages = page.locator("#track li")
                await expect(stages.nth(1)).to_contain_text("went back from here")
                await expect(stages.nth(2)).to_contain_text("not reached")

    async def test_an_unknown_rollout_is_told(self, visitor: Visitor, shown: Shown) -> None:
        with shown.served() as url:
            async with visitor.at(of(url, "nobody")) as page:
                await expect(page.locator("#sentence")).to_contain_text(
                    "There is no rollout `nobody`"
                )
        refused = [each for each in visitor.complaints if "404" in each]
        assert refused  # Chromium tells of every 404, and of nothing else
        visitor.complaints[:] = [each for each in visitor.complaints if "404" not in each]


class TestParts:
    async def test_stages_and_shares(self, visitor: Visitor, shown: Shown) -> None:
        """Where it stands, and what is wanted, applied and measured."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(of(url, stories.HELD)) as page:
                stages = page.locator("#track li")
                await expect(stages).to_have_count(3)
                await expect(page.locator("#track [aria-current=step]")).to_contain_text("5 %")
                await expect(page.locator("#shares")).to_contain_text("Applied")
                await expect(page.locator("#shares dd").nth(3)).to_have_text("5 %")

    async def test_shares_after_the_end(self, visitor: Visitor, shown: Shown) -> None:
        """Nobody measures any more, which is no trouble."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                told = page.locator("#shares dd")
                await expect(told.nth(1)).to_have_text("0 %")
                await expect(told.nth(5)).to_have_text("no longer looked at")

    async def test_scores_charts_and_their_tables(self, visitor: Visitor, shown: Shown) -> None:
        """Harm comes first; every chart has its figures as a table."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                worst = page.locator("#scores tbody tr").first
                await expect(worst).to_contain_text("harm")
                await expect(worst).to_contain_text("limit")
                card = page.get_by_role("region", name="errors", exact=True)
                await scroll_to_chart(card)
                await expect(card.locator("canvas").first).to_be_visible()
                await card.get_by_text("As a table").first.click()
                rows = card.locator("table").first.locator("tbody tr")
                await expect(rows.first).to_contain_text("x")
                name = await card.get_by_role("img").first.get_attribute("aria-label")
                assert name is not None
                assert name.startswith("errors: candidate against baseline. Last ")

    async def test_distributions(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                await scroll_to_chart(page.locator("#shape"))
                await expect(page.locator("#shape canvas")).to_be_visible()
                await expect(page.locator("#shape")).to_contain_text("p99")
                await page.get_by_text("Classes", exact=True).click()
                await expect(page.locator("#shape table")).to_contain_text("class-0")

    async def test_segments(self, visitor: Visitor, shown: Shown) -> None:
        """A slice that went back alone is told, and its evidence can be looked at."""
        shown.tell(stories.sliced())
        with shown.served() as url:
            async with visitor.at(of(url, stories.SLICED)) as page:
                ill = page.locator("#segments tr").filter(has_text="country=SG")
                await expect(ill).to_contain_text("went back alone")
                await ill.get_by_role("button").click()
                await expect(page.locator("#segment")).to_have_value("country=SG")
                await expect(page.locator("#scores tbody tr").first).to_contain_text(
                    "errors in country=SG"
                )

    async def test_labels(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.labelled())
        with shown.served() as url:
            async with visitor.at(of(url, stories.LABELLED)) as page:
                await expect(page.locator("#labels")).to_contain_text("coverage")
                await expect(page.locator("#labels figcaption")).to_contain_text(
                    "cohorts are mature"
                )

    async def test_health_decisions_and_trail(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                await expect(page.locator("#checks")).to_contain_text("sample ratio")
                newest = page.locator("#timeline > li").first
                await expect(newest).to_contain_text("Roll back")
                await newest.get_by_text("Evidence").click()
                await expect(newest.locator("table")).to_contain_text("errors")
                await expect(page.locator("#trail")).to_contain_text("ada")
                await page.get_by_text("The whole spec").click()
                await expect(page.locator("#spec-text")).to_contain_text('"rollout"')


class TestForEverybody:
    async def test_landmarks_and_headings(self, visitor: Visitor, shown: Shown) -> None:
        """One of each landmark, one first heading, and no level is left out."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                for role in ("banner", "main", "contentinfo"):
                    await expect(page.get_by_role(role)).to_have_count(1)
                await expect(page.get_by_role("navigation", name="Main")).to_have_count(1)
                levels = await headings(page)
                assert levels.count(1) == 1
                assert all(after - before <= 1 for before, after in itertools.pairwise(levels))

    async def test_keyboard(self, visitor: Visitor, shown: Shown) -> None:
        """From the skip link into a dialog and back, without a pointer."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(of(url, stories.HELD)) as page:
                button = page.get_by_role("button", name="Pause")
                await expect(button).to_be_visible()
                await page.keyboard.press("Tab")
                await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
                await page.keyboard.press("Enter")
                await expect(page.locator("main")).to_be_focused()
                for _ in range(10):
                    await page.keyboard.press("Tab")
                    if await button.evaluate("(node) => node === document.activeElement"):
                        break
                await expect(button).to_be_focused()
                outline = await button.evaluate("(node) => getComputedStyle(node).outlineStyle")
                assert outline == "solid"
                await page.keyboard.press("Enter")
                await expect(page.get_by_role("dialog")).to_be_visible()
                await expect(page.get_by_label("Your name")).to_be_focused()
                await page.keyboard.press("Escape")
                await expect(page.get_by_role("dialog")).to_be_hidden()
                await expect(button).to_be_focused()

    async def test_every_bar_is_told_in_words(self, visitor: Visitor, shown: Shown) -> None:
        """Pictures are hidden from screen readers or named; badges have words."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD)) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                script = """[...document.querySelectorAll("main svg")].filter((node) =>
                  !node.closest("[aria-hidden=true]") && !node.getAttribute("aria-label")).length"""
                assert await page.evaluate(script) == 0
                texts = await page.locator(".badge").all_inner_texts()
                assert texts
                assert all(text.strip() for text in texts)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_text_can_be_read(self, visitor: Visitor, shown: Shown, scheme: str) -> None:
        """WCAG 2.1, 1.4.3: 4.5 to 1 for all text, whatever its ground."""
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD), color_scheme=scheme) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                await expect(page.locator("#timeline > li").first).to_be_visible()
                assert await page.evaluate(FAINT) == []

    async def test_fits_a_phone(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.bad())
        with shown.served() as url:
            async with visitor.at(of(url, stories.BAD), viewport=PHONE) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                await page.evaluate(UNFOLDED)
                await expect(page.locator("#trail tbody tr").first).to_be_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
