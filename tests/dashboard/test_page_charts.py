"""What is drawn: lines on every canvas, the figures behind them, labels that are whole."""

from __future__ import annotations

import math
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.dashboard import stories
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import DESK, Visitor, scroll_to_chart

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAINTED = """
(figure) => {
  const canvas = figure.querySelector("canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const seen = (colour) => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
    const rows = new Map();
    for (let at = 0; at < data.length; at += 4) {
      const off = [data[at] - red, data[at + 1] - green, data[at + 2] - blue];
      if (data[at + 3] < 100 || Math.max(...off.map(Math.abs)) > 12) continue;
      const row = Math.floor(at / 4 / canvas.width);
      rows.set(row, (rows.get(row) ?? 0) + 1);
    }
    return { pixels: [...rows.values()].reduce((sum, count) => sum + count, 0), rows: rows.size };
  };
  const told = [...figure.querySelectorAll(".legend li")].map((item) => {
    const { stroke } = getComputedStyle(item.querySelector("line"));
    return [item.textContent, seen(stroke)];
  });
  return Object.fromEntries(told);
}
"""
"""Pixels in the colour of each line of the legend, and on how many rows of the canvas they lie."""
CUT = """
(() => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "12px system-ui, sans-serif";
  const half = pen.measureText("00:00:00").width / 2;
  const right = (node) => node.getBoundingClientRect().right;
  const room = (plot) => right(plot) - right(plot.querySelector(".u-over"));
  return [...document.querySelectorAll(".plot:has(canvas)")].map(room).filter((px) => px < half);
})()
"""
"""Room at the right of charts where half a label of time would not fit, px."""
CELLS = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
LEAST = 40
"""Pixels that a line which is drawn has at least, however short it is."""


def of(url: str, rollout: str = stories.BAD) -> str:
    return f"{url}/rollouts/{rollout}"


async def asked(page: Page, url: str, path: str) -> Any:
    """What the API says of the bad rollout."""
    answer = await page.request.get(f"{url}/api/v1/rollouts/{stories.BAD}/{path}")
    assert answer.ok
    return await answer.json()


async def table_of(figure: Locator) -> list[list[str]]:
    """The figures of a chart as its table has them, row by row."""
    await figure.get_by_text("As a table").click()
    rows = figure.locator("tbody tr")
    await expect(rows.first).to_be_visible()
    cells: list[list[str]] = await rows.evaluate_all(CELLS)
    return cells


def power(text: str) -> float | None:
    """The power of ten of an e-value as the page writes it; below 0.01 it writes no more."""
    if text == "-":
        return None
    if text.startswith("<"):
        return -2.0
    return float(text.removeprefix("10^")) if text.startswith("10^") else math.log10(float(text))


def powers(logs: list[float | None]) -> list[Any]:
    """The same of what the API tells, natural logarithms; the page has two digits of it."""
    told = [None if log is None else max(-2.0, log / math.log(10)) for log in logs]
    return [None if each is None else pytest.approx(each, abs=0.06) for each in told]


async def test_e_values(visitor: Visitor, shown: Shown) -> None:
    """Both are drawn, that of harm across its limit, and its table says what the API says."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url)) as page:
            card = page.get_by_role("region", name="errors", exact=True)
            figure = card.locator("figure").nth(1)
            await scroll_to_chart(figure)
            await expect(figure.locator("figcaption")).to_contain_text("errors: e-values")
            await expect(figure.locator("canvas")).to_be_visible()
            painted = await figure.evaluate(PAINTED)
            assert len(painted) == 4
            assert all(each["pixels"] > LEAST for each in painted.values()), painted
            assert painted["evidence of harm"]["rows"] > 20, painted
            told = await asked(page, url, "evidence?metric=errors&candidate=candidate")
            table = [list(map(power, row[1:])) for row in reversed(await table_of(figure))]
    names = ("log_e_harm", "log_e_harm_threshold", "log_e_safe", "log_e_safe_threshold")
    assert len(table) > 3
    for place, name in enumerate(names):
        assert [row[place] for row in table] == powers(told[name]), name


@pytest.mark.parametrize("metric", ["errors", "success", "p95"])
async def test_every_line_is_painted(visitor: Visitor, shown: Shown, metric: str) -> None:
    """Of each chart of a metric, in the colour that its legend has."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url), viewport=DESK | {"height": 3000}) as page:
            card = page.get_by_role("region", name=metric, exact=True)
            await card.scroll_into_view_if_needed()
            for figure in await card.locator("figure").all():
                await expect(figure.locator("canvas")).to_be_visible()
                painted = await figure.evaluate(PAINTED)
                assert all(each["pixels"] > LEAST for each in painted.values()), painted


async def test_scores_of_both_arms(visitor: Visitor, shown: Shown) -> None:
    """The pill that nobody sees at first: its curves, and shares that make up a whole."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url)) as page:
            await page.locator("#kinds").get_by_text("Score", exact=True).click()
            figure = page.locator("#shape figure")
            await expect(figure.locator("figcaption")).to_have_text(
                "Score: share of each arm's answers"
            )
            await scroll_to_chart(page.locator("#shape"))
            await expect(figure.locator("canvas")).to_be_visible()
            painted = await figure.evaluate(PAINTED)
            assert list(painted) == ["baseline", "candidate"]
            assert all(each["pixels"] > LEAST for each in painted.values()), painted
            rows = await table_of(figure)
    for place in (1, 2):
        shares = [float(row[place].removesuffix(" %")) for row in rows]
        assert sum(shares) == pytest.approx(100, abs=5)


async def test_labels_of_time_are_whole(visitor: Visitor, shown: Shown) -> None:
    """The last one stands at the end of the axis, half of it beyond."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url)) as page:
            await expect(page.locator("#traffic canvas")).to_be_visible()
            assert await page.evaluate(CUT) == []


async def test_traffic_ends_soon_after_the_rollout(visitor: Visitor, shown: Shown) -> None:
    """The story fills the chart; the baseline's requests go on and tell nothing of it."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url)) as page:
            await expect(page.locator("#sentence")).to_contain_text("Rolled back")
            rows = await table_of(page.locator("#traffic figure"))
            told = await asked(page, url, "traffic")
    times, shares = told["at_s"], told["applied_pct"]["candidate"]
    back = max(place for place, share in enumerate(shares) if share) + 1
    assert back < len(rows) < len(times)
    assert rows[0][1] == "0 %"
    assert times[len(rows) - 1] - times[back] <= max(3, 0.2 * (times[back] - times[0]))


async def test_nothing_known_is_not_drawn_as_an_interval(visitor: Visitor, shown: Shown) -> None:
    """No request timed out: a bar from end to end would look like data."""
    shown.tell(stories.bad())
    with shown.served() as url:
        async with visitor.at(of(url)) as page:
            rows = page.locator("#scores tbody tr")
            unknown = rows.filter(has_text="nothing known yet")
            await expect(unknown).to_have_count(1)
            await expect(unknown.locator(".limit")).to_have_count(1)
            await expect(unknown.locator(".span")).to_have_count(0)
            await expect(rows.filter(has_text="errors").first.locator(".span")).to_have_count(1)
