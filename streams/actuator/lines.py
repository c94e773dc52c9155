"""How does the actuator speak to operators? One line per event: `event key=value ...`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

logger = logging.getLogger("davy.actuator")


def say(level: int, event: str, facts: Mapping[str, object]) -> None:
    """Log one event; values with spaces are quoted as JSON strings."""
    logger.log(level, "%s %s", event, " ".join(f"{k}={_shown(v)}" for k, v in facts.items()))


def say_text(level: int, event: str, text: str) -> None:
    """Log an event that is told as a sentence."""
    say(level, event, {"error": text})


def _shown(value: object) -> str:
    text = json.dumps(value, default=str) if isinstance(value, dict | list | tuple) else str(value)
    return json.dumps(text) if not text or any(c.isspace() or c in '="' for c in text) else text
