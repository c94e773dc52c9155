"""The demo as a newcomer meets it: started at the prompt, looked at in a browser, understood."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from streams.demo.processes import Part, Parts, serves
from streams.demo.program import STAYS
from tests.dashboard.visitor import Visitor
from tests.demo.whole import RUN_S, check_report, marked, start

BAD = "digits-v3"
ADDRESS = re.compile(r"^dashboard: (http://\S+)$", re.MULTILINE)
RUN_MS = 1000 * RUN_S
README = Path(__file__).parents[2] / "README.md"
TYPED = re.compile(rf"^davy (\w+ {BAD} --from-files build/.+)$", re.MULTILINE)
"""What a newcomer is told to ask when the broker is gone."""


def address(demo: Part) -> str:
    """Where the demo says that its page is, once that is there and has read the log."""

    def told() -> str:
        found = ADDRESS.search(demo.log.read_text())
        return found[1] if found else ""

    demo.wait_until(lambda: bool(told()), what="it tells its page", deadline_s=RUN_S)
    url = told()
    demo.wait_until(lambda: serves(f"{url}/readyz"), what="its page is there", deadline_s=60)
    return url


def commands(mark: str) -> list[list[str]]:
    """What still runs of the demo."""
    files = (Path("/proc", str(number), "cmdline") for number in marked(mark))
    return [file.read_text().split("\0") for file in files]


async def sees_why(page: Page) -> None:
    """What happened to the bad candidate, why, and which share it has, in words of the page."""
    sentence = page.locator("#sentence")
    await expect(sentence).to_contain_text(
        "Rolled back: all traffic back to the baseline, because harm is shown: ", timeout=RUN_MS
    )
    await expect(sentence).to_contain_text(re.compile(r"\b(errors|success) of candidate\b"))
    worst = page.locator("#scores tbody tr").first
    await expect(worst).to_contain_text("harm")
    await expect(worst).to_contain_text("limit")
    await expect(page.locator("#track")).to_contain_text("went back from here")
    await expect(page.locator("#timeline > li").first).to_contain_text("Roll back, for good")
    await expect(page.locator("#shares dd").nth(1)).to_have_text("0 %")  # wanted


def asked_afterwards(folder: Path) -> dict[str, str]:
    """What the commands of the README print where the demo left `build`; none may fail."""
    davy, said = Path(sys.executable).with_name("davy"), {}
    for command, *words in map(shlex.split, TYPED.findall(README.read_text(encoding="utf-8"))):
        done = subprocess.run(
            [davy, command, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said[command] = done.stdout
    return said


@pytest.mark.flow
@pytest.mark.alone
@pytest.mark.timeout(RUN_S + 120)
@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_alone_says_why(
    visitor: Visitor, parts: Parts, tmp_path: Path, mark: str
) -> None:
    """Opened while the demo runs; it stays after the story, and Ctrl-C ends all in order.

    Beside it, what holds of every demo: it ends as it must, reports, leaves nothing behind but the
    files from which davy says afterwards why.
    """
    build = tmp_path / "build"
    demo = start(parts, build, mark, "--fault", "errors", "--dashboard", "1", "--stay")
    async with visitor.at(address(demo)) as page:
        await page.get_by_role("link", name=BAD, exact=True).click(timeout=RUN_MS)
        await sees_why(page)
        await expect(page.locator("#shares dd").nth(3)).to_have_text("0 %")  # at the target
        await asyncio.to_thread(
            demo.wait_until, lambda: STAYS in demo.tail(), what="the page stays", deadline_s=RUN_S
        )
        check_report(build, "errors")
        assert not any("streams.demo.load" in words for words in commands(mark))
        await page.reload()
        await sees_why(page)
        told = json.loads((build / "demo.json").read_text())["rollouts"][1]["decisions"][-1]
        harmed = told["reason"].partition("harm shown: ")[2]
        await expect(page.locator("#sentence")).to_contain_text(harmed)
    demo.signal(signal.SIGINT)
    assert await asyncio.to_thread(demo.wait, deadline_s=60) == 0, demo.tail(200)
    assert marked(mark) == set()
    said = await asyncio.to_thread(asked_afterwards, tmp_path)
    assert sorted(said) == ["explain", "replay", "report"]
    assert f"{BAD}#{told['seq']}" in said["explain"]
    assert re.search(r"\b(errors|success) of candidate\b", said["explain"])
    assert re.search(rf"^{BAD}: \d+ ok$", said["replay"], re.MULTILINE)
    assert said["report"].startswith("v3 did not replace v2 at digits: ")
    assert (tmp_path / f"{BAD}.html").is_file()
