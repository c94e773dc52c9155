"""What do all answers share? Words, refusals, who asks, and how far the log was read."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from streams.verdicts.answers import Problem

Shares = dict[str, float]
"""Arm -> share in percent of the requests."""
Counts = dict[str, int]
"""Arm -> how many."""
Column = list[float | None]
"""One value for each time of the series; null where nothing is known."""


class Trouble(Problem):
    """Why there is no answer: what is wrong (`reason`), where, and what to do next."""

    where: str
    """The route, the field or the place in the log."""
    advice: str
    """What to do; empty where nothing can be done but wait."""


class State(StrEnum):
    """How a rollout is, in one word."""

    WAITING = "waiting"  # nothing was decided yet
    RUNNING = "running"
    HELD = "held"  # the judge holds it where it is
    PAUSED = "paused"  # a person does
    SILENT = "silent"  # its judge is not heard: nothing is raised
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"  # rolled back by a person
    ENDED = "ended"  # before what is remembered; `davy audit` tells how


class JudgeState(StrEnum):
    """Whether a judge is heard within its lease."""

    LIVE = "live"
    FROZEN = "frozen"  # not heard: nothing is raised
    ROLLED_BACK = "rolled_back"  # not heard for too long: the weights go back
    ENDED = "ended"  # it said its last word


class Reading(BaseModel):
    """How far the log was read."""

    unread: str
    """Why what is shown may be old or not all; empty where the log was read to its end."""
    panes_unread: str
    """The same of `panes`: traffic, distributions, cohorts."""
    panes_read_pct: float
    """How much was read of the panes that there were at the start; 100 once they are followed."""
    history_from_s: float
    """What was written since is told, as far as there is room; it moves on with the clock. Older
    decisions, weights and panes are not told of what ended before this server began."""
    verifies: bool
    """Whether decisions must be signed by a trusted key."""


class Session(BaseModel):
    """Who asks, and what he may."""

    actor: str | None
    """The authenticated user, who signs all commands; null where the page must ask for a name."""
    token: str
    """To be sent as the header `X-Davy-Token` with every command."""
    may_command: bool
    """False where this server was started to look only."""
    version: str
    """Of davy."""
    now_s: float
    """This server's clock."""
    reading: Reading
