"""The report as somebody opens it: a file in a browser, without a network, on a phone, on paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from streams.cli.main import run
from streams.replay.files import Format, write_trail
from tests.dashboard.contrast import FAINT
from tests.dashboard.visitor import DESK, PHONE, Visitor
from tests.report.worlds import recorded

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURES = Path(__file__).parents[2] / "build" / "report"
SIZES = {"1440": DESK, "390": PHONE}
A4 = {"width": 703, "height": 1032}
"""CSS pixels of a sheet within the margins of the page's own style, 12 mm."""
GROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 25, 29)"}
PAPER = "getComputedStyle(document.body).backgroundColor"
LOADED = 'performance.getEntriesByType("resource").map((each) => each.name)'
WIDTH = "document.documentElement.scrollWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
NOT_DRAWN = """
[...document.querySelectorAll("main svg")].filter((drawing) => {
  const seen = (mark) => {
    const { width, height } = mark.getBoundingClientRect();
    const { stroke, fill } = getComputedStyle(mark);
    return width + height > 0 && (stroke !== "none" || fill !== "none");
  };
  const { width, height } = drawing.getBoundingClientRect();
  const marks = [...drawing.querySelectorAll("path, rect, circle")];
  return width < 200 || height < 60 || !marks.some(seen);
}).map((drawing) => drawing.getAttribute("aria-label"))
"""
CUT = """
[...document.querySelectorAll("body *")].filter((node) => {
  const beyond = node.getBoundingClientRect().right > innerWidth + 1;
  return node.clientWidth > 0 && (beyond || node.scrollWidth > node.clientWidth + 1);
}).map((node) => `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`)
"""
"""What does not fit a sheet: nothing can be scrolled there."""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """What `davy report` writes of a rollback."""
    write_trail(recorded("errors"), tmp_path / "export", Format.JSONL)
    path = tmp_path / "report.html"
    arguments = ["report", "digits-2", "--from-files", str(tmp_path / "export")]
    with pytest.raises(SystemExit) as end:
        run([*arguments, "--html", str(path)])
    assert end.value.code == 0
    return path


async def picture(page: Page, name: str) -> None:
    """What it looks like, to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True, animations="disabled")


@pytest.mark.parametrize("scheme", GROUND)
@pytest.mark.parametrize("size", SIZES)
async def test_opened_from_a_disk(visitor: Visitor, report: Path, size: str, scheme: str) -> None:
    """Drawn, readable and no wider than the screen; it asks for nothing, and nothing complains."""
    options = {"viewport": SIZES[size], "color_scheme": scheme, "offline": True}
    async with visitor.at(report.as_uri(), **options) as page:
        await expect(page.get_by_role("heading", level=1)).to_contain_text("digits-2")
        await expect(page.locator(".verdict")).to_contain_text(
            "v2 did not replace v1 at digits: harm shown: errors of candidate"
        )
        await picture(page, f"report-{size}-{scheme}")
        assert await page.evaluate(NOT_DRAWN) == []
        assert await page.evaluate(PAPER) == GROUND[scheme]
        await page.evaluate(OPEN_ALL)
        assert await page.evaluate(FAINT) == []
        assert await page.evaluate(WIDTH) <= int(size)
        assert await page.evaluate(LOADED) == []


async def test_on_paper(visitor: Visitor, report: Path) -> None:
    """Light whatever the screen is; all decisions stand there; nothing is cut off at the right."""
    async with visitor.at(report.as_uri(), viewport=A4, color_scheme="dark") as page:
        await page.emulate_media(media="print")
        await picture(page, "report-paper")
        assert await page.evaluate(PAPER) == GROUND["light"]
        await expect(page.locator("nav")).to_be_hidden()
        await expect(page.locator("#decisions tbody tr").first).to_be_visible()
        assert await page.evaluate(CUT) == []
        sheets = await page.pdf(format="A4", prefer_css_page_size=True)
        assert 2 < len(re.findall(rb"/Type\s*/Page\b", sheets)) < 30
