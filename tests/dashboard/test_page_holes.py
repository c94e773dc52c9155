"""Who was away while more was written than a page of it holds finds all of it when he is back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack

import pytest
from playwright.async_api import Locator, expect

from streams.demo.processes import free_port
from streams.judge.decision_facts import Action
from streams.spec.model import RolloutSpec
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import Visitor
from tests.dashboard.world import spec

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = 30
"""Lines that the page asks for at once."""
SEEN, ALL = 5, 70
"""Decisions before somebody is away, and when he is back."""
NUMBER = re.compile(r"#(\d+)[, ]")


def turn(shown: Shown, made: RolloutSpec, numbers: Iterable[int]) -> None:
    """Decisions each of which changes the weights."""
    for number in numbers:
        shown.dashboard.decide(made, Action.ADVANCE, 1000 + number, second=number)


async def numbers(lines: Locator) -> list[int]:
    """Of the decisions that are shown, from above."""
    found = [NUMBER.search(text) for text in await lines.all_inner_texts()]
    return [int(match[1]) for match in found if match]


@pytest.mark.parametrize(
    ("host", "older"),
    [
        ("#timeline > li", "Show older decisions"),
        ("#trail tbody tr", "Show older entries"),
    ],
    ids=["timeline", "trail"],
)
async def test_nothing_between_is_left_out(
    visitor: Visitor, shown: Shown, host: str, older: str
) -> None:
    """What was known before does not follow on the newest page, so it is asked for again."""
    port, one = free_port(), shown.dashboard.apply(spec())
    turn(shown, one, range(1, SEEN + 1))
    shown.dashboard.beat(one)
    with ExitStack() as first:
        url = first.enter_context(shown.served(port))
        async with visitor.at(f"{url}/rollouts/{one.rollout}") as page:
            lines, more = page.locator(host), page.get_by_role("button", name=older)
            await expect(lines.first).to_contain_text(f"#{SEEN}")
            await expect(more).to_be_hidden()
            first.close()
            await expect(page.locator("#connection")).to_contain_text("Connection lost")
            turn(shown, one, range(SEEN + 1, ALL + 1))
            with shown.served(port):
                await expect(lines.first).to_contain_text(f"#{ALL}", timeout=30_000)
                assert await numbers(lines) == list(range(ALL, ALL - PAGE, -1))
                while await more.is_visible():
                    count = await lines.count()
                    await more.click()
                    await expect(lines).not_to_have_count(count)
                assert await numbers(lines) == list(range(ALL, 0, -1))
    visitor.complaints[:] = [each for each in visitor.complaints if "net::ERR_" not in each]
