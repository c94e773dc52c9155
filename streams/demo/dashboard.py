"""Where can the demo be looked at in a browser? A dashboard beside it, which it can do without."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from streams.demo.processes import Part, Parts
from streams.errors import PartError

NAME = "dashboard"
ADDRESS = re.compile(r"dashboard, .* at (http://\S+)")
START_S = 30.0


def start_dashboard(parts: Parts, davy: Sequence[str], env: Mapping[str, str]) -> Part:
    """Start it; it takes another port where its own is taken, and tells which."""
    return parts.start(NAME, [*davy, "dashboard"], env=env)


def tell_address(part: Part, say: Callable[[str], None]) -> str:
    """Say where it is, or why it is not; the demo goes on either way.

    Returns:
        The address; empty where there is none.
    """
    try:
        part.wait_until(
            lambda: bool(_address(part)), what="it tells its address", deadline_s=START_S
        )
    except PartError as error:
        say(f"no dashboard: {error}")
        return ""
    address = _address(part)
    say(f"dashboard: {address}")
    return address


def _address(part: Part) -> str:
    found = ADDRESS.search(part.log.read_text(errors="replace")) if part.log.exists() else None
    return found.group(1) if found else ""
