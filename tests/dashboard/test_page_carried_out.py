"""What is pressed on the page is done: the judge heeds it, and it stands in the log."""

from __future__ import annotations

from contextlib import closing

import pytest
from playwright.async_api import expect

from streams.agents.desk import command_fact
from streams.cli.log import Log as Reader
from streams.dashboard.pen import Command
from streams.judge.decision_facts import Action
from streams.judge.facts import Cut
from streams.judge.rollout import RolloutJudge
from streams.spec.model import Stage
from tests.actuator.log import Log
from tests.dashboard.pressing import ask, press
from tests.dashboard.shown import Present, Shown, ahead_by, entries
from tests.dashboard.test_service import running
from tests.dashboard.visitor import Visitor
from tests.dashboard.world import spec
from tests.judge.world import ERRORS, PANE_MS, make_spec, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROLLOUT, BEFORE_S = "cats-v8", 25
STAGES = (
    Stage(weight_bp=500, min_time_s=8, min_exposures=50),
    Stage(weight_bp=5000, min_time_s=10, min_exposures=200, approval=True),
    Stage(weight_bp=10_000),
)
HEEDED = {
    "Pause": "Paused: stays at 5 %, because it was paused by grace: seen enough",
    "Approve": "Running: stage 1 with 50 % for the candidate",
    "Promote": "Promoted: promoted to 100 %, because it was promoted by grace: seen enough",
    "Abort": (
        "Aborted: all traffic back to the baseline, because it was aborted by grace: seen enough"
    ),
}
GOES_ON = ["Pause", "Promote", "Abort"]
OFFERED = {
    "Pause": ["Resume", "Promote", "Abort"],
    "Resume": GOES_ON,
    "Promote": GOES_ON,  # nobody judges here
    "Abort": [],
}
"""What is pressed, one after the other, and which buttons there are then."""


class Judged:
    """A judge that goes on while somebody looks, and reads what was pressed."""

    def __init__(self, shown: Shown) -> None:
        made = make_spec(rollout=ROLLOUT, service="cats", metrics=(ERRORS,), stages=STAGES)
        self.world = Present(spec=made, **ahead_by(BEFORE_S + 1))
        self.judge, self.shown = RolloutJudge(made, PANE_MS), shown
        found = entries(self.world, run(self.judge, self.world, BEFORE_S))
        shown.tell(found)
        self.told_ms = found[-1].at_ms

    def reads(self, pressed: Command) -> None:
        """One pane more, before which the command has come."""
        pane = self.world.pane(BEFORE_S)
        cut = Cut(pane=pane.pane, routing_offset=self.world.offset, commands_offset=1)
        asked = command_fact(0, pressed.to_record())
        decision = self.judge.step(pane, cut, self.world.read(), [asked])
        assert decision is not None
        self.world.obey(decision, pane.end_ms)
        found = entries(self.world, [decision])
        self.shown.tell(entry for entry in found if entry.at_ms > self.told_ms)


@pytest.mark.parametrize("command", HEEDED)
async def test_the_judge_heeds_it(visitor: Visitor, shown: Shown, command: str) -> None:
    """What it decides comes back to the page, with who asked and why."""
    judged = Judged(shown)
    with shown.served() as url:
        async with visitor.at(f"{url}/rollouts/{ROLLOUT}") as page:
            sentence = page.locator("#sentence")
            await expect(sentence).to_contain_text("Held: stays at 5 %")
            await ask(page, command)
            await press(page, command, reason="seen enough")
            await expect(page.get_by_role("dialog")).to_be_hidden()
            (pressed,) = shown.written
            judged.reads(pressed)
            await expect(sentence).to_contain_text(HEEDED[command])


async def test_each_stands_in_the_log(visitor: Visitor, tansu: str, prefix: str) -> None:
    """On the topic, in order; and what the page offers next follows from it."""
    one = spec()
    with closing(Log(tansu, prefix)) as log:
        log.apply(one)
        log.decide(one, Action.ADVANCE, 2500)
        with running(log) as client:
            log.beat(one, valid_s=300)
            await _press_all(visitor, str(client.base_url.join(f"/rollouts/{one.rollout}")))
        told = [entry.record for entry in Reader(log.settings).read("commands") if entry.record]
    found = [(each["command"], each["actor"], each["reason"]) for each in told]
    assert found == [(name.upper(), "grace", reason(name)) for name in OFFERED]


async def _press_all(visitor: Visitor, url: str) -> None:
    async with visitor.at(url) as page:
        buttons = page.locator("#orders").get_by_role("button")
        await expect(buttons).to_have_text(GOES_ON)
        for command, offered in OFFERED.items():
            await ask(page, command)
            await press(page, command, reason=reason(command))
            await expect(page.get_by_role("dialog")).to_be_hidden()
            await expect(page.locator("#trail")).to_contain_text(reason(command))
            if offered:
                await expect(buttons).to_have_text(offered)
        await expect(buttons).to_have_count(0)


def reason(command: str) -> str:
    return f"{command}, for a reason"
