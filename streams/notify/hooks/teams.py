"""Tell a Microsoft Teams channel: an Adaptive Card to a workflow that waits for web requests.

https://learn.microsoft.com/power-automate/teams/teams-app-create, https://adaptivecards.io
"""

from __future__ import annotations

from typing import Any

from streams.notify.facts import Notice
from streams.notify.hooks.post import Poster, as_json
from streams.notify.secrets import secret_of
from streams.notify.words import facts, sentence, symbol, title
from streams.notify_settings import Severity, TeamsHook

VERSION = "1.4"
"""Of Adaptive Cards; the newest that Teams shows everywhere."""
COLOURS = {Severity.INFO: "default", Severity.WARNING: "warning", Severity.CRITICAL: "attention"}
MARKUP = str.maketrans({c: f"\\{c}" for c in "\\*_[]`~#"})


class Teams:
    """A hook of kind `teams`."""

    def __init__(self, name: str, options: TeamsHook) -> None:
        """Raise SettingsError where the URL cannot be had."""
        url = secret_of(f"notify.hooks.{name}.url", options.url)
        self._poster = Poster(url, options.timeout_s)

    def tell(self, notice: Notice) -> None:
        """See Hook."""
        self._poster.post(as_json(message(notice)))

    def close(self) -> None:
        """See Hook."""
        self._poster.close()


def message(notice: Notice) -> dict[str, Any]:
    """The message that a workflow posts as a card."""
    line = f"{symbol(notice.severity)} {title(notice)}"
    known = [{"title": label, "value": plain(value)} for label, value in facts(notice)]
    head = {"type": "TextBlock", "text": plain(line), "weight": "bolder", "size": "medium"}
    body: list[dict[str, Any]] = [
        head | {"wrap": True, "color": COLOURS[notice.severity]},
        {"type": "TextBlock", "text": plain(sentence(notice)), "wrap": True},
        {"type": "FactSet", "facts": [*known, {"title": "key", "value": plain(notice.key)}]},
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": body,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def plain(text: str) -> str:
    r"""Text in which nothing is Markdown.

    >>> print(plain("stage_1 [x](http://y)"))
    stage\_1 \[x\](http://y)
    """
    return text.translate(MARKUP)
