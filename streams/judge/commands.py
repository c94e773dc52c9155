"""What do people want of this rollout right now? Commands folded in log order."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, assert_never

from streams.judge.facts import CommandFact, CommandKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Standing wishes; each text says who asked and why, empty means nobody did."""

    pause: str = ""
    promote: str = ""
    abort: str = ""

    def after(self, command: CommandFact) -> Wishes:
        """The wishes once this command was read. A pause takes back an earlier `promote`."""
        text = f"{command.actor}: {command.reason}" if command.reason else command.actor
        match command.kind:
            case CommandKind.PAUSE:
                return replace(self, pause=text or "somebody", promote="")
            case CommandKind.RESUME:
                return replace(self, pause="")
            case CommandKind.PROMOTE:
                return replace(self, promote=text or "somebody")
            case CommandKind.ABORT:
                return replace(self, abort=text or "somebody")
            case _:
                assert_never(command.kind)

    def answered(self) -> Wishes:
        """The wishes after a step: a `promote` is granted or refused once, never kept."""
        return replace(self, promote="")

    def to_state(self) -> dict[str, Any]:
        """The wishes as JSON values; `Wishes(**state)` reads them."""
        return asdict(self)
