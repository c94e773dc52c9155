"""`davy explain`: why did it decide that, by which formula, and what would have changed it?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.cli.explained import lines
from streams.cli.explained_record import plain
from streams.cli.trails import FromFiles, open_trail, rollout_of
from streams.cli.waiting import busy
from streams.errors import LogError
from streams.judge.decision_facts import Decision
from streams.judge.record import decision_from_record
from streams.replay.explanation import Explanation, explain_again, explain_recorded
from streams.replay.files import read_records, read_topic
from streams.settings import Settings

DECISION_ID = re.compile(r"[0-9a-f]{32}")
"""A rollout id never looks like one by chance."""

Which = Annotated[
    str, typer.Argument(help="Decision id, ROLLOUT#SEQ, or ROLLOUT: its last.", show_default=False)
]
File = Annotated[
    Path | None,
    typer.Option(help="JSON lines of `davy decisions tail --json`: no Kafka, no panes."),
]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


def explain(
    decision: Which,
    file: File = None,
    from_files: FromFiles = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Why a decision came about: figures, formulas, sources, and what would have changed it.

    Example: davy explain digits-v3#4 --from-files build/demo/export/digits-v3
    """
    if file is not None and from_files is not None:
        raise typer.BadParameter("give --file or --from-files, not both")
    if file is not None:
        found = _from_file(decision, file)
    else:
        with busy("judging it again"):
            found = _from_trail(decision, settings_of(config, bootstrap, prefix), from_files)
    if as_json:
        show.say(json.dumps(plain(found)))
        return
    for text, style in lines(found):
        show.say(text, style=style)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which decision a person means."""

    rollout: str | None = None
    seq: int | None = None
    decision_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a decision id, ROLLOUT#SEQ or ROLLOUT."""
        rollout, mark, number = text.rpartition("#")
        if mark and rollout and number.isascii() and number.isdigit():
            return cls(rollout=rollout, seq=int(number))
        if DECISION_ID.fullmatch(text):
            return cls(decision_id=text)
        return cls(rollout=text)

    def place(self, decisions: Sequence[Decision]) -> int:
        """Where it stands among decisions, the last if several fit; LogError if none does."""
        fitting = [n for n, decision in enumerate(decisions) if self._fits(decision)]
        if fitting:
            return fitting[-1]
        names = {decision.rollout: decision.seq for decision in decisions}
        there = ", ".join(f"{rollout}#1 to #{seq}" for rollout, seq in sorted(names.items()))
        raise LogError(f"there is no decision `{self}`; there are: {there or 'none at all'}")

    def _fits(self, decision: Decision) -> bool:
        if self.decision_id is not None:
            return decision.decision_id == self.decision_id
        return decision.rollout == self.rollout and self.seq in {None, decision.seq}

    def __str__(self) -> str:
        if self.decision_id is not None:
            return self.decision_id
        return f"{self.rollout}#{self.seq}" if self.seq is not None else f"{self.rollout}"


def _from_file(text: str, file: Path) -> Explanation:
    decisions = [
        _decision(file, number, stored.record)
        for number, stored in enumerate(read_records(file), start=1)
    ]
    found = decisions[Wanted.parse(text).place(decisions)]
    why = f"{file} holds decisions only; --from-files or Kafka give the panes too"
    return explain_recorded(found, None, why)


def _decision(file: Path, number: int, record: dict[str, object]) -> Decision:
    try:
        return decision_from_record(record)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise LogError(
            f"{file}:{number}: no decision: {problem!r}; write the file with "
            "davy decisions tail --all --no-follow --json"
        ) from problem


def _from_trail(text: str, settings: Settings, folder: Path | None) -> Explanation:
    wanted = Wanted.parse(text)
    trail = open_trail(_rollout(wanted, settings, folder), settings, folder)
    place = wanted.place([recorded.decision for recorded in trail.decisions])
    return explain_again(trail.decisions[place], trail)


def _rollout(wanted: Wanted, settings: Settings, folder: Path | None) -> str:
    """The rollout that is meant; a decision id must be looked for."""
    if wanted.rollout is not None:
        return wanted.rollout
    if folder is not None:
        ids = {r.record.get("decision_id"): r.key for r in read_topic(folder, "decisions")}
        found = ids.get(wanted.decision_id)
    else:
        found = rollout_of(wanted.decision_id or "", settings)
    if found is None:
        raise LogError(f"there is no decision `{wanted}`; `davy decisions tail --json` shows ids")
    return found
