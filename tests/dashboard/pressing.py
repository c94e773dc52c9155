"""A person's hands on the page's buttons."""

from __future__ import annotations

from playwright.async_api import Page, expect


async def ask(page: Page, command: str) -> None:
    """Open the dialog of a command."""
    await page.locator("#orders").get_by_role("button", name=command).click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def press(page: Page, command: str, *, reason: str, actor: str = "grace") -> None:
    """Fill in the open dialog, and send it."""
    await page.get_by_label("Your name").fill(actor)
    await page.get_by_label("Reason").fill(reason)
    await page.get_by_role("dialog").get_by_role("button", name=command).click()
