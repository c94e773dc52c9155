"""How does each decision point at the one before it, and which cuts lead to it?

A chain of hashes over Avro bodies: nobody can change or drop a decision unseen. `steps` names
every cut that replay must follow between two decisions.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
from collections.abc import Mapping
from typing import Any

import fastavro

from streams.judge.decision_facts import Decision
from streams.judge.facts import Cut
from streams.judge.record import cut_from_record, cut_to_record, decision_to_record
from streams.wire.schemas import load_schema


@functools.cache
def _schema() -> Any:
    return fastavro.parse_schema(load_schema("decision"))


def decision_body(decision: Decision) -> bytes:
    """Avro body of a decision without registry framing; equal decisions give equal bytes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _schema(), decision_to_record(decision))
    return out.getvalue()


def body_hash(body: bytes) -> str:
    """SHA-256 of a decision's Avro body, hex: what the next decision calls `prev_hash`."""
    return hashlib.sha256(body).hexdigest()


@dataclasses.dataclass(slots=True, kw_only=True)
class Chain:
    """Where the chain of decisions stands: last number and hash, and the cuts since then."""

    seq: int = 0
    prev_hash: str = ""
    body: bytes = b""
    """Of the last decision, which goes out with the state and so is no part of it."""
    steps: list[Cut] = dataclasses.field(default_factory=list)
    last_cut: Cut | None = None

    def follow(self, cut: Cut) -> None:
        """Remember a step's cut where more than the pane changed since the step before."""
        expected = self.last_cut and dataclasses.replace(self.last_cut, pane=cut.pane)
        if not self.steps or cut != expected:
            self.steps.append(cut)
        self.last_cut = cut

    def append(self, decision: Decision) -> None:
        """Make a decision the last one of the chain."""
        self.seq = decision.seq
        self.body = decision_body(decision)
        self.prev_hash = body_hash(self.body)
        self.steps = []

    def to_state(self) -> dict[str, Any]:
        """The chain as JSON values."""
        return {
            "seq": self.seq,
            "prev_hash": self.prev_hash,
            "steps": [cut_to_record(cut) for cut in self.steps],
            "last_cut": self.last_cut and cut_to_record(self.last_cut),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Chain:
        """Read what `to_state` wrote."""
        last = state["last_cut"]
        return cls(
            seq=state["seq"],
            prev_hash=state["prev_hash"],
            steps=[cut_from_record(cut) for cut in state["steps"]],
            last_cut=None if last is None else cut_from_record(last),
        )
