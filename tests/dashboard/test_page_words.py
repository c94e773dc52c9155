"""What stands on the pages in words: for people, in one direction, without codes of the log."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import expect

from tests.dashboard import stories
from tests.dashboard.shown import Entry, Shown
from tests.dashboard.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


def of(url: str, rollout: str) -> str:
    return f"{url}/rollouts/{rollout}"


async def test_the_first_and_the_last_stage_say_so(visitor: Visitor, shown: Shown) -> None:
    """Stages count from 0, as at the prompt: 2 is the last of three."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url, stories.BAD)) as page:
            stages = page.locator("#track li")
            await expect(stages.nth(0)).to_contain_text("Stage 0, the first: 5 %")
            await expect(stages.nth(1)).to_contain_text("Stage 1: 50 %")
            await expect(stages.nth(2)).to_contain_text("Stage 2, the last: 100 %")


async def test_shares_go_the_way_of_their_limit(visitor: Visitor, shown: Shown) -> None:
    """What should be high is told as what went well, by arm too."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url, stories.BAD)) as page:
            row = page.locator("#scores tbody tr").filter(has_text="success")
            counts = row.locator(".counts")
            await expect(counts).to_contain_text("requests that did not fail, of ")
            estimate = (await row.locator(".line").inner_text()).split(" %")[0].strip()
            await expect(counts).to_contain_text(f"→ {estimate} %")
            assert float(estimate) > 50
            card = page.get_by_role("region", name="success", exact=True)
            await card.scroll_into_view_if_needed()
            await card.get_by_text("As a table").last.click()
            newest = card.locator("figure").last.locator("tbody tr").first
            await expect(newest.locator("td").last).to_have_text(f"{estimate} %")


async def test_a_yes_is_asked_for_without_a_command(visitor: Visitor, shown: Shown) -> None:
    """Its button stands on the page: sentence, decisions and list name no program."""
    shown.tell(stories.held())
    with shown.served() as url:
        async with visitor.at(of(url, stories.HELD)) as page:
            for part in ("#sentence", "#timeline"):
                await expect(page.locator(part)).to_contain_text("(50 %) waits for a person")
                await expect(page.locator(part)).not_to_contain_text("davy rollout")
            await expect(page.get_by_role("button", name="Approve")).to_be_visible()
        async with visitor.at(url) as page:
            await expect(page.locator("#rows .why p")).to_have_text(
                "Stage 1 (50 %) waits for a person"
            )


async def test_no_harm_is_no_part_of_a_way(visitor: Visitor, shown: Shown) -> None:
    shown.tell(stories.good())
    with shown.served() as url:
        async with visitor.at(url) as page:
            harm = page.locator("#rows .harm")
            await expect(harm).to_contain_text("shown for every guardrail")
            await expect(harm).not_to_contain_text("of the way")


@pytest.mark.parametrize(
    ("story", "rollout", "name"),
    [
        (stories.held, stories.HELD, "unconfirmed weights"),
        (stories.labelled, stories.LABELLED, "label coverage of "),
    ],
    ids=["requests", "labels"],
)
async def test_checks_speak_in_sentences(
    visitor: Visitor,
    shown: Shown,
    story: Callable[[], tuple[Entry, ...]],
    rollout: str,
    name: str,
) -> None:
    """Where all is well the log has a code; the page says what that means."""
    shown.tell(story())
    with shown.served() as url:
        async with visitor.at(of(url, rollout)) as page:
            checks = page.locator("#checks li")
            await expect(checks.filter(has_text=name)).not_to_have_count(0)
            told = await checks.locator(".soft").all_inner_texts()
            assert len(told) >= 4
            assert [words for words in told if len(words.split(". ")[0].split()) < 3] == []
            assert [words for words in await checks.all_inner_texts() if "_" in words] == []


async def test_what_is_asked_beside_the_api_is_complained_of(
    visitor: Visitor, shown: Shown
) -> None:
    """So every test of the pages holds that they ask the API alone."""
    with shown.served() as url:
        async with visitor.at(url) as page:
            await expect(page.get_by_text("There is no rollout yet.")).to_be_visible()
            assert visitor.complaints == []
            assert await page.evaluate("fetch('/metrics').then((answer) => answer.status)") == 200
    assert visitor.complaints == ["asked beside the API: GET /metrics"]
    visitor.complaints.clear()
