"""What a person asks in the browser becomes a command in the log, with a name and a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from streams.http_settings import HttpSettings
from tests.dashboard import stories
from tests.dashboard.shown import Shown
from tests.dashboard.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

ABORT = """
(rollout) => fetch(`/api/v1/rollouts/${rollout}/commands`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ command: "abort", reason: "because", actor: "mallory" }),
}).then((answer) => answer.status)
"""


async def ask(page: Page, command: str) -> None:
    """Open the dialog of a command."""
    await page.locator("#orders").get_by_role("button", name=command).click()
    await expect(page.get_by_role("dialog")).to_be_visible()


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

    async def test_no_command_without_a_reason(self, visitor: Visitor, shown: Shown) -> None:
        """Nothing is sent, and the field that lacks is where the focus goes."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                await ask(page, "Pause")
                await page.get_by_label("Your name").fill("grace")
                await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
                await expect(page.get_by_label("Reason")).to_be_focused()
                await expect(page.get_by_role("dialog")).to_be_visible()
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

    async def test_a_refusal_is_told_in_the_dialog(self, visitor: Visitor, shown: Shown) -> None:
        """What was typed stays, to be sent again."""
        shown.tell(stories.held())
        with shown.served() as url:
            async with visitor.at(f"{url}/rollouts/{stories.HELD}") as page:
                await ask(page, "Pause")
                await page.get_by_label("Your name").fill(" ")
                await page.get_by_label("Reason").fill("because")
                await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
                await expect(page.get_by_role("alert")).to_contain_text("asked by nobody")
                await expect(page.get_by_label("Reason")).to_have_value("because")
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
