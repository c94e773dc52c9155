"""What a person asks in the browser becomes a command in the log, with a name and a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from streams.http_settings import HttpSettings
from streams.judge.decision_facts import Action
from streams.spec.model import RolloutSpec, Stage
from tests.dashboard import stories
from tests.dashboard.pressing import ask, press
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import Visitor
from tests.dashboard.world import spec

pytestmark = pytest.mark.asyncio(loop_scope="session")

ABORT = """
(rollout) => fetch(`/api/v1/rollouts/${rollout}/commands`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ command: "abort", reason: "because", actor: "mallory" }),
}).then((answer) => answer.status)
"""
WAIT_TWICE = (
    *(Stage(weight_bp=500), Stage(weight_bp=2500, approval=True)),
    *(Stage(weight_bp=5000, approval=True), Stage(weight_bp=10_000)),
)
EVERY = ("Pause", "Promote", "Abort")


def applied_with(shown: Shown, stages: tuple[Stage, ...]) -> RolloutSpec:
    """A rollout in its first stage, whose judge is heard."""
    told = shown.dashboard
    one = told.apply(spec(stages=stages))
    told.decide(one, Action.ADVANCE, stages[0].weight_bp)
    told.beat(one)
    return one


class TestCommand:
    async def test_abort(self, visitor: Visitor, shown: Shown) -> None:
        """It is written with name and reason, and the trail shows it."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                await ask(page, "Abort")
                await expect(page.get_by_role("dialog")).to_contain_text("at once")
                await page.get_by_label("Your name").fill("grace")
                await page.get_by_label("Reason").fill("the model is the wrong one")
                await page.get_by_role("dialog").get_by_role("button", name="Abort").click()
                await expect(page.get_by_role("dialog")).to_be_hidden()
                await expect(page.locator("#notices")).to_contain_text("written to the log")
                await expect(page.locator("#trail")).to_contain_text("the model is the wrong one")
        (written,) = shown.written
        told = (written.rollout, written.kind, written.actor, written.reason)
        assert told == (stories.HELD, "ABORT", "grace", "the model is the wrong one")

    @pytest.mark.parametrize(
        ("actor", "reason", "lacks"), [("grace", "", "Reason"), ("", "because", "Your name")]
    )
    async def test_none_without_a_reason_and_a_name(
        self, visitor: Visitor, shown: Shown, actor: str, reason: str, lacks: str
    ) -> None:
        """Nothing is sent, and the field that lacks is where the focus goes."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                for command in EVERY:
                    await ask(page, command)
                    await press(page, command, reason=reason, actor=actor)
                    await expect(page.get_by_label(lacks)).to_be_focused()
                    await expect(page.get_by_role("dialog")).to_be_visible()
                    await page.get_by_role("button", name="Cancel").click()
        assert shown.written == []

    async def test_none_that_was_cancelled(self, visitor: Visitor, shown: Shown) -> None:
        """The focus is back at the button, and nothing of it stands in the next dialog."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                for command in EVERY:
                    await ask(page, command)
                    await page.get_by_label("Your name").fill("grace")
                    await expect(page.get_by_label("Reason")).to_have_value("")
                    await page.get_by_label("Reason").fill("in a hurry")
                    await page.get_by_role("button", name="Cancel").click()
                    await expect(page.get_by_role("dialog")).to_be_hidden()
                    button = page.locator("#orders").get_by_role("button", name=command)
                    await expect(button).to_be_focused()
        assert shown.written == []

    async def test_pause_for_a_while_and_resume(self, visitor: Visitor, shown: Shown) -> None:
        """The name is known the second time."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                await ask(page, "Pause")
                await page.get_by_label("Your name").fill("grace")
                await page.get_by_label("Reason").fill("lunch")
                await page.get_by_label("For how long").select_option("1 hour")
                await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
                await expect(page.locator("#sentence")).to_contain_text("Paused")
                await expect(page.locator("#notices")).to_contain_text("grace has paused it until")
                await ask(page, "Resume")
                await page.get_by_label("Reason").fill("back")
                await page.get_by_role("dialog").get_by_role("button", name="Resume").click()
                await expect(
                    page.locator("#orders").get_by_role("button", name="Pause")
                ).to_be_visible()
        pause, resume = shown.written
        assert pause.until_ms == pause.at_ms + 3_600_000
        assert (resume.kind, resume.actor) == ("RESUME", "grace")

    async def test_approve_names_the_stage_that_waits(self, visitor: Visitor, shown: Shown) -> None:
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                await ask(page, "Approve")
                await expect(page.get_by_role("dialog")).to_contain_text("Stage 1 with 50 %")
                await page.get_by_label("Your name").fill("grace")
                await page.get_by_label("Reason").fill("looks well")
                await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
                await expect(page.get_by_role("dialog")).to_be_hidden()
        assert [written.stage for written in shown.written] == [1]

    async def test_a_yes_is_to_the_stage_that_was_read(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """It begins while the dialog is open: nobody has said yes to the one after it."""
        one = applied_with(shown, WAIT_TWICE)
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{one.rollout}") as page:
                dialog = page.get_by_role("dialog")
                await ask(page, "Approve")
                await expect(dialog).to_contain_text("Stage 1 with 25 %")
                shown.dashboard.decide(one, Action.ADVANCE, 2500, stage=1, second=9)
                await expect(page.locator("#track [aria-current=step]")).to_contain_text("25 %")
                await press(page, "Approve", reason="looks well")
                await expect(page.get_by_role("alert")).to_contain_text("waits for nobody")
                assert shown.written == []
                await page.get_by_role("button", name="Cancel").click()
                await ask(page, "Approve")
                await expect(dialog).to_contain_text("Stage 2 with 50 %")
                await press(page, "Approve", reason="looks well")
                await expect(dialog).to_be_hidden()
        assert [written.stage for written in shown.written] == [2]
        assert [each for each in visitor.complaints if "409" not in each] == []
        visitor.complaints.clear()  # Chromium tells of the refusal, which is meant

    @pytest.mark.parametrize(
        ("actor", "reason", "told"),
        [(" ", "because", "asked by nobody"), ("grace", " ", "reason")],
        ids=["no name", "no reason"],
    )
    async def test_a_refusal_is_told_in_the_dialog(
        self, visitor: Visitor, shown: Shown, actor: str, reason: str, told: str
    ) -> None:
        """What was typed stays, to be sent again."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                await ask(page, "Promote")
                await press(page, "Promote", reason=reason, actor=actor)
                await expect(page.get_by_role("alert")).to_contain_text(told)
                await expect(page.get_by_label("Reason")).to_have_value(reason)
        assert shown.written == []
        assert any("422" in each for each in visitor.complaints)
        visitor.complaints.clear()  # Chromium tells of the refusal, which is meant

    async def test_without_the_token_nothing_is_written(
        self, visitor: Visitor, shown: Shown
    ) -> None:
        """A request that any page could make the browser send is refused."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                assert await page.evaluate(ABORT, stories.HELD) == 403
        assert shown.written == []
        visitor.complaints.clear()  # Chromium tells of the refusal, which is meant


class TestWhoIsKnown:
    async def test_signs_with_his_own_name(
        self, visitor: Visitor, shown: Shown, tmp_path: Path
    ) -> None:
        """Who has logged in is not asked for a name, and cannot take another's."""
        passwords = tmp_path / "passwords"
        passwords.write_text("linus:secret\n")
        shown.http = HttpSettings(port=0, basic_auth_file=passwords)
        shown.tell(stories.held())
        login = {"username": "linus", "password": "secret"}
        with shown.served() as url:
            at = f"{url}/rollouts/{stories.HELD}"
            async with visitor.at(at, http_credentials=login) as page:
                await ask(page, "Abort")
                await expect(page.get_by_role("dialog")).to_contain_text("You are linus.")
                await expect(page.get_by_label("Your name")).to_be_hidden()
                await page.get_by_label("Reason").fill("mine to say")
                await page.get_by_role("dialog").get_by_role("button", name="Abort").click()
                await expect(page.get_by_role("dialog")).to_be_hidden()
        assert [written.actor for written in shown.written] == ["linus"]
        visitor.complaints[:] = [each for each in visitor.complaints if "401" not in each]
