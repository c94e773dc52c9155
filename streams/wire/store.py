"""Where do schema ids come from?

`SchemaStore` is the port. `LocalSchemaStore` keeps ids in a file (shipped: `schemas/ids.json`),
for the demo and for sites without a registry; `streams.wire.registry` speaks to a registry.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from streams.errors import RegistryError
from streams.wire.reasons import BadRecord, Reason
from streams.wire.resolution import incompatible
from streams.wire.schemas import Compatibility, Schema, schema_folder, without

if TYPE_CHECKING:
    from streams.settings import Settings


class SchemaStore(Protocol):
    """Ids and the schemas behind them. Safe to share between threads.

    Every method raises RegistryAway where the store does not answer: that is transient, the
    caller tries again and drops nothing.
    """

    failures: int
    """How often it did not answer, or not with what davy needs, since it was opened."""

    def register(self, subject: str, schema_json: str, compatibility: str) -> int:
        """Id of the schema under the subject, new if it is new.

        Raises:
            RegistryError: the schema breaks the compatibility level.
            RegistryAway: no answer.
        """
        ...

    def id_of(self, subject: str, schema_json: str) -> int:
        """Id of exactly this schema: what a writer puts in front of what it wrote with it.

        Raises:
            RegistryError: it is not registered under the subject.
            RegistryAway: no answer.
        """
        ...

    def schema(self, schema_id: int) -> str:
        """The schema as JSON.

        Raises:
            BadRecord: `unknown_schema`: the store answered that it has no such id.
            RegistryAway: no answer.
        """
        ...

    def versions(self, subject: str) -> dict[int, str]:
        """Every schema under the subject by id, the oldest first; none where it is unknown.

        Raises:
            RegistryAway: no answer.
        """
        ...

    def level(self, subject: str) -> str | None:
        """The subject's own compatibility level; None where the store does not keep one.

        Raises:
            RegistryAway: no answer.
        """
        ...


class LocalSchemaStore:
    """Ids fixed in a file: one line per schema, appended to and never changed.

    Subjects are kept without the topics' prefix; every prefix finds them.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.failures = 0
        self.path = schema_folder() / "ids.json" if path is None else path
        self._entries = _read(self.path)

    def register(self, subject: str, schema_json: str, compatibility: str) -> int:
        """See SchemaStore; a new schema gets the next id and is written to the file."""
        schema = json.loads(schema_json)
        found = self._find(subject, schema)
        if found is not None:
            return found
        level = Compatibility(compatibility)
        for earlier, _, old in self._of(subject):
            refusal = incompatible(schema, old, level)
            if refusal:
                raise RegistryError(f"{subject} is {level}, id {earlier} forbids this: {refusal}")
        entry = (max((e[0] for e in self._entries), default=0) + 1, subject, schema)
        _write(self.path, (*self._entries, entry))
        self._entries = (*self._entries, entry)
        return entry[0]

    def id_of(self, subject: str, schema_json: str) -> int:
        """See SchemaStore; documentation does not count as a difference."""
        found = self._find(subject, json.loads(schema_json))
        if found is None:
            raise RegistryError(f"{subject}: not this schema in {self.path}; {_REGISTER}")
        return found

    def schema(self, schema_id: int) -> str:
        """See SchemaStore."""
        for known, _, schema in self._entries:
            if known == schema_id:
                return _compact(schema)
        raise BadRecord(Reason.UNKNOWN_SCHEMA, f"id {schema_id} is not in {self.path}")

    def versions(self, subject: str) -> dict[int, str]:
        """See SchemaStore."""
        return {known: _compact(schema) for known, _, schema in self._of(subject)}

    def level(self, subject: str) -> str | None:  # noqa: ARG002 - the port's signature
        """None: `register` is told the level each time."""
        return None

    def _of(self, subject: str) -> Iterator[_Entry]:
        # No topic's name ends with another's, so the end of a prefixed subject is unambiguous.
        return (entry for entry in self._entries if subject.endswith(entry[1]))

    def _find(self, subject: str, schema: Schema) -> int | None:
        bare = without(schema, "doc")
        same = (entry[0] for entry in self._of(subject) if without(entry[2], "doc") == bare)
        return next(same, None)


_Entry: TypeAlias = "tuple[int, str, Schema]"
_REGISTER = "run `davy schemas register`"


def _compact(schema: Schema) -> str:
    return json.dumps(schema, separators=(",", ":"))


def _read(path: Path) -> tuple[_Entry, ...]:
    if not path.exists():
        return ()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["schemas"]
        return tuple((int(e["id"]), str(e["subject"]), e["schema"]) for e in entries)
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise RegistryError(f"{path}: no list of schema ids ({failure}); restore it") from failure


def _write(path: Path, entries: tuple[_Entry, ...]) -> None:
    lines = (
        json.dumps({"id": i, "subject": subject, "schema": schema}, separators=(",", ":"))
        for i, subject, schema in entries
    )
    text = '{"schemas": [\n' + ",\n".join(lines) + "\n]}\n"
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as failure:
        raise RegistryError(f"{path} cannot be written: {failure}; set registry.url") from failure


def open_store(settings: Settings, *, grace_s: float = 0.0) -> SchemaStore:
    """The registry that the settings name, or the ids shipped with davy.

    For `grace_s` an id that the registry does not know counts as not answered for (`Grace`).
    """
    if settings.registry.url is None:
        return LocalSchemaStore()
    from streams.wire.registry import RegistrySchemaStore  # noqa: PLC0415 - server extra only

    return RegistrySchemaStore(settings.registry, grace_s=grace_s)
