"""How does `davy notify` speak to operators? One line per event: `notify.event key=value ...`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

logger = logging.getLogger("davy.notify")


def say(level: int, event: str, facts: Mapping[str, object]) -> None:
    """Log one event; values with spaces are quoted as JSON strings."""
    told = " ".join(f"{key}={_shown(value)}" for key, value in facts.items())
    logger.log(level, "notify.%s %s", event, told)


def say_text(level: int, event: str, text: str) -> None:
    """Log an event that is told as a sentence."""
    say(level, event, {"error": text})


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(c.isspace() or c in '="' for c in text) else text
