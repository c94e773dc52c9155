"""Tell a Slack channel, through an incoming webhook.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

from typing import Any

from streams.notify.facts import Notice
from streams.notify.hooks.post import Poster, as_json
from streams.notify.secrets import secret_of
from streams.notify.words import facts, sentence, symbol, title
from streams.notify_settings import SlackHook

HEADER_CHARS = 150
"""What Slack takes of a header block."""
COLUMNS = 10
"""Fields that a section may have."""


class Slack:
    """A hook of kind `slack`."""

    def __init__(self, name: str, options: SlackHook) -> None:
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
    """The message; `text` is what notifications show, the blocks are what the channel shows."""
    line = f"{symbol(notice.severity)} {title(notice)}"
    fields = [
        {"type": "mrkdwn", "text": f"*{label}*\n{escaped(value)}"} for label, value in facts(notice)
    ]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": line[:HEADER_CHARS]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": escaped(sentence(notice))}},
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields[:COLUMNS]})
    blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": notice.key}]})
    return {"text": escaped(line), "blocks": blocks}


def escaped(text: str) -> str:
    """Text in which nothing is markup: no link, no mention of everybody.

    >>> escaped("a <!channel> & b")
    'a &lt;!channel&gt; &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
