"""May davy's schemas follow those that a store holds, and if not, why?

The question that `davy schemas register` answers by doing; here nothing is written. Both stores
are judged by the same rule (`resolution.py`), over all earlier versions and not only the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.errors import WireError
from streams.wire.resolution import incompatible
from streams.wire.schemas import SUBJECTS, Schema, Subject, schema_folder, without
from streams.wire.store import SchemaStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One topic's schema beside what the store holds under its subject."""

    topic: str
    compatibility: str
    versions: int
    """How many versions the store holds."""
    schema_id: int | None
    """The id of this very schema; None where it is not registered yet."""
    refusal: str | None
    """Why it must not be registered; None where it may."""
    level: str | None
    """The level that the store keeps for the subject, where that is not davy's; else None."""


def standings(store: SchemaStore, prefix: str = "", folder: Path | None = None) -> list[Standing]:
    """How each of davy's schemas stands; `folder` holds other `.avsc` files to ask about.

    Raises:
        RegistryError: the store does not answer.
        WireError: a file is missing or no Avro schema.
    """
    place = schema_folder() if folder is None else folder
    return [_standing(store, subject, prefix, place) for subject in SUBJECTS.values()]


def _standing(store: SchemaStore, subject: Subject, prefix: str, folder: Path) -> Standing:
    name, ours = subject.name(prefix), _read(folder / f"{subject.schema}.avsc")
    held = {known: json.loads(text) for known, text in store.versions(name).items()}
    level = store.level(name) if held else None
    bare = without(ours, "doc")
    return Standing(
        topic=subject.topic,
        compatibility=subject.compatibility,
        versions=len(held),
        schema_id=next((i for i, one in held.items() if without(one, "doc") == bare), None),
        refusal=next(_refusals(subject, ours, held), None),
        level=None if level == subject.compatibility else level,
    )


def _refusals(subject: Subject, ours: Schema, held: dict[int, Schema]) -> Iterator[str]:
    for known, earlier in held.items():
        try:
            refusal = incompatible(ours, earlier, subject.compatibility)
        except ValueError as failure:
            refusal = f"{subject.schema}: {failure}"
        if refusal:
            yield f"id {known} forbids this: {refusal}"


def _read(path: Path) -> Schema:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise WireError(f"{path}: cannot be read: {failure.strerror}") from failure
    except ValueError as failure:
        raise WireError(f"{path}: no JSON: {failure}") from failure
