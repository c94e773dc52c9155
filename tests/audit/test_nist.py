"""What the evidence table names exists: topics, fields, headers and commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import typer

from streams.audit.nist import COLUMNS, EVIDENCE, Evidence
from streams.cli.main import app, run
from streams.topics import DEAD_LETTERS
from streams.wire.deadletter import dead_letter
from streams.wire.reasons import Reason
from streams.wire.schemas import SUBJECTS, load_schema, subject_of
from streams.wire.signatures import KEY_ID, SIGNATURE

NUMBERS = {"GOVERN": (6, 7), "MAP": (5, 6), "MEASURE": (4, 13), "MANAGE": (4, 4)}
"""Categories of each function, and the most outcomes that one of them has."""
HEADERS = {"decisions": {SIGNATURE, KEY_ID}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A record that nobody can use."""

    offset: int = 7
    key: bytes | None = None
    value: bytes | None = b"poison"


def dead_letter_headers() -> set[str]:
    """Names of the headers that a dead letter really has."""
    letter = dead_letter(DEAD_LETTERS, ("predictions", 0), Poison(), Reason.BAD_MAGIC, "detail")
    return {name for name, _ in letter.headers}


def field_names(schema: Any, prefix: str = "") -> Iterator[str]:
    """Every path of fields of an Avro schema, through arrays, maps and unions."""
    match schema:
        case {"type": "record", "fields": fields}:
            for field in fields:
                path = f"{prefix}.{field['name']}"
                yield path
                yield from field_names(field["type"], path)
        case {"type": "array", "items": below} | {"type": "map", "values": below}:
            yield from field_names(below, prefix)
        case list():
            for each in schema:
                yield from field_names(each, prefix)


def commands(group: typer.Typer, name: str = "davy") -> Iterator[str]:
    made: Any = typer.main.get_command(group)

    def walk(command: Any, path: str) -> Iterator[str]:
        below = getattr(command, "commands", {})
        if not below:
            yield path
        for word, each in below.items():
            yield from walk(each, f"{path} {word}")

    return walk(made, name)


@pytest.mark.parametrize("each", EVIDENCE, ids=lambda e: e.outcome)
def test_everything_named_exists(each: Evidence) -> None:
    """Fields in schemas, headers in records, commands in `davy`."""
    known = {
        f"{topic}{path}"
        for topic in SUBJECTS
        for path in field_names(load_schema(subject_of(topic).schema))
    }
    headers = {f"{topic}#{name}" for topic, names in HEADERS.items() for name in names}
    headers |= {f"{DEAD_LETTERS}#{name}" for name in dead_letter_headers()}
    assert set(each.fields) <= known | headers
    assert set(each.commands) <= set(commands(app))


@pytest.mark.parametrize("each", EVIDENCE, ids=lambda e: e.outcome)
def test_numbers_are_of_the_framework(each: Evidence) -> None:
    function, category, number = re.fullmatch(r"([A-Z]+) (\d)\.(\d+)", each.outcome).groups()
    categories, most = NUMBERS[function]
    assert 1 <= int(category) <= categories
    assert 1 <= int(number) <= most


def test_each_outcome_once_and_in_order() -> None:
    order = ["GOVERN", "MAP", "MEASURE", "MANAGE"]
    keys = [(order.index(e.function), *map(int, e.outcome.split()[1].split("."))) for e in EVIDENCE]
    assert keys == sorted(set(keys))


def test_commands_print_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each outcome, as Markdown and as JSON; no row breaks the table."""
    with pytest.raises(SystemExit):
        run(["audit", "nist"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) == len(EVIDENCE) + 1
    assert {row.count("|") for row in rows} == {len(COLUMNS) + 1}
    with pytest.raises(SystemExit):
        run(["audit", "nist", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [row["outcome"] for row in told["evidence"]] == [e.outcome for e in EVIDENCE]
