"""What does `${NAME:default}` in a Spring application's file become?"""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACE = re.compile(r"\$\{(\w+):([^{}]*)\}")


def filled(text: str, env: Mapping[str, str]) -> str:
    """The text with every place filled in from `env`, or with its default.

    >>> filled("${HOST:localhost}:${PORT:9092}", {"HOST": "kafka"})
    'kafka:9092'
    """
    return PLACE.sub(lambda place: env.get(place[1], place[2]), text)


def names(text: str) -> set[str]:
    """The variables that a text asks for."""
    return {place[1] for place in PLACE.finditer(text)}
