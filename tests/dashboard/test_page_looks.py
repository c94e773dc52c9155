"""How the pages look: pictures of them in build/dashboard/, wide and narrow, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.dashboard import stories
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import DESK, PHONE, UNFOLDED, Visitor, scroll_to_chart

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "dashboard"
SIZES = {"1440": DESK, "390": PHONE}
PRINTED = {"width": 1280, "height": 1380}
WORDS = """
["#verdict", ".jump", "#plan", "#evidence > p", "#scores thead", "#scores tbody tr"]
  .map((part) => document.querySelector(part).innerText).join("\\n")
"""
"""What can be read on the README's picture, down to the worst metric."""
MOMENT = re.compile(r"(20\d\d-\d\d-\d\d )?\d\d:\d\d:\d\d")
AGO = re.compile(r"\(\d[\d.]* \w+ ago\)")
LOOKED_AT = {("1440", "light"): 5, ("390", "light"): 3}
"""How many of the rollouts are pictured so; of all others one is enough."""
ROLLOUTS = (stories.BAD, stories.HELD, stories.GOOD, stories.SLICED, stories.LABELLED)


@pytest.fixture
def everything(shown: Shown) -> Shown:
    """One rollout of each kind."""
    for story in (stories.bad, stories.good, stories.held, stories.sliced, stories.labelled):
        shown.tell(story())
    return shown


async def picture(page: Page, name: str) -> Path:
    """The whole page, once all charts in it were in sight and are drawn."""
    for plot in await page.locator(".plot:visible").all():
        await scroll_to_chart(plot)
        await expect(plot.locator("canvas, .none")).to_have_count(1)
    await page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    await page.screenshot(path=path, full_page=True, animations="disabled")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_pictures(visitor: Visitor, everything: Shown, size: str, scheme: str) -> None:
    """Every part is drawn, and nothing is wider than the screen."""
    options = {"viewport": SIZES[size], "color_scheme": scheme}
    with everything.served() as url:
        async with visitor.at(url, **options) as page:
            await expect(page.locator("#rows tr")).to_have_count(len(ROLLOUTS))
            assert (await picture(page, f"list-{size}-{scheme}")).stat().st_size > 10_000
        for rollout in ROLLOUTS[: LOOKED_AT.get((size, scheme), 1)]:
            async with visitor.at(f"{url}/rollouts/{rollout}", **options) as page:
                await expect(page.locator("#scores tbody tr").first).to_be_visible()
                await expect(page.locator("#trail tbody tr")).not_to_have_count(0)
                await picture(page, f"{rollout}-{size}-{scheme}")
                if SIZES[size] is PHONE:
                    await page.evaluate(UNFOLDED)
                    await picture(page, f"{rollout}-{size}-{scheme}-open")
                assert await page.evaluate("document.documentElement.scrollWidth") <= int(size)


async def test_the_picture_of_the_readme(visitor: Visitor, shown: Shown) -> None:
    """What a newcomer sees first: which version went back, and why, without scrolling.

    Its words are kept beside it, for pixels differ from browser to browser: a page that says other
    things needs a new picture.
    """
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(f"{url}/rollouts/{stories.BAD}", viewport=PRINTED) as page:
            await expect(page.locator("#scores tbody tr").first).to_be_in_viewport()
            await expect(page.locator(".plot canvas").first).to_be_visible()
            await expect(page.locator("#connection")).to_have_text("Live")
            PICTURES.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=PICTURES / "page.png", animations="disabled")
            told = timeless(await page.evaluate(WORDS))
    (PICTURES / "page.txt").write_text(told, encoding="utf-8")
    kept = (ROOT / "infra" / "docs" / "page.txt").read_text(encoding="utf-8")
    assert told == kept, "infra/docs/page.png shows an older page: look at the new one, `make docs`"


def timeless(words: str) -> str:
    """A phrase a line, without the times of this run."""
    lines = [line.strip() for line in re.split(r"[\n\t]+", words)]
    text = "\n".join(line for line in lines if line) + "\n"
    return AGO.sub("(a moment ago)", MOMENT.sub("00:00:00", text))


async def test_the_reader_chooses_his_colours(visitor: Visitor, everything: Shown) -> None:
    """Dark by choice where the system is light, and the next page remembers it."""
    with everything.served() as url:
        async with visitor.at(url) as page:
            paper = "getComputedStyle(document.body).backgroundColor"
            light = await page.evaluate(paper)
            await page.get_by_label("Colours").select_option("Dark")
            assert await page.evaluate(paper) != light
            await page.reload()
            await expect(page.get_by_label("Colours")).to_have_value("dark")
            assert await page.evaluate(paper) != light


async def test_still_where_motion_is_unwanted(visitor: Visitor, everything: Shown) -> None:
    """prefers-reduced-motion: nothing moves by itself, and jumps do not glide."""
    with everything.served() as url:
        async with visitor.at(f"{url}/rollouts/{stories.BAD}", reduced_motion="reduce") as page:
            await expect(page.locator("#timeline > li").first).to_be_visible()
            assert await page.evaluate("document.getAnimations().length") == 0
            assert (
                await page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
                == "auto"
            )
