"""Which decisions of a rollout are remembered, and which in full?

A rollout that waits restates its decision every few seconds, for days. What turned is kept much
longer than what restated, and with its evidence, packed.
"""

from __future__ import annotations

import json
import zlib
from collections import deque

from streams.dashboard.answers.story import DecisionTold
from streams.dashboard.shares import by_segment
from streams.dashboard.told import FullDecision
from streams.judge.decision_facts import Decision
from streams.judge.explain import explain
from streams.judge.record import decision_from_record, decision_to_record

TURNS, RESTATED = 1000, 200
"""How many decisions of each kind are remembered, the newest."""
PACKED_BYTES = 1 << 20
"""Evidence of all turns together; the oldest goes first."""


class Decided:
    """The decisions of one rollout, put in the order of their numbers."""

    def __init__(self) -> None:
        self.last: FullDecision | None = None
        """The decision in force."""
        self._seen = 0
        self._turns: deque[DecisionTold] = deque(maxlen=TURNS)
        self._restated: deque[DecisionTold] = deque(maxlen=RESTATED)
        self._packed: dict[int, bytes] = {}
        """Turns by seq, the oldest first."""
        self._bytes = 0

    def put(self, fact: FullDecision) -> bool:
        """Take a decision in; whether it is a turn."""
        turn = self.last is None or _says(fact) != _says(self.last) or bool(fact.decision.news)
        line = _line(fact, turn=turn)
        (self._turns if turn else self._restated).append(line)
        if turn:
            self._pack(fact.decision)
        self.last, self._seen = fact, self._seen + 1
        return turn

    def lines(self, *, turns: bool) -> list[DecisionTold]:
        """What is remembered, the newest first; `turns` leaves those out that restate."""
        kept = [*self._turns, *(() if turns else self._restated)]
        found = sorted(kept, key=lambda line: line.seq, reverse=True)
        return [line.model_copy(update={"full": self._is_full(line.seq)}) for line in found]

    @property
    def forgotten(self) -> int:
        """How many were put and are not remembered."""
        return self._seen - len(self._turns) - len(self._restated)

    def get(self, seq: int) -> Decision | None:
        """A decision with its evidence; None where that is not remembered."""
        if self.last is not None and self.last.seq == seq:
            return self.last.decision
        packed = self._packed.get(seq)
        return None if packed is None else decision_from_record(json.loads(zlib.decompress(packed)))

    def _is_full(self, seq: int) -> bool:
        return seq in self._packed or (self.last is not None and self.last.seq == seq)

    def _pack(self, decision: Decision) -> None:
        packed = zlib.compress(json.dumps(decision_to_record(decision)).encode())
        self._packed[decision.seq] = packed
        self._bytes += len(packed)
        while self._bytes > PACKED_BYTES and len(self._packed) > 1:
            self._bytes -= len(self._packed.pop(next(iter(self._packed))))


def _says(fact: FullDecision) -> tuple[object, ...]:
    code = fact.reason.partition(": ")[0]
    return fact.action, code, fact.stage, fact.terminal, fact.weights_bp


def _line(fact: FullDecision, *, turn: bool) -> DecisionTold:
    code, _, sentence = fact.reason.partition(": ")
    return DecisionTold(
        seq=fact.seq,
        decision_id=fact.decision_id,
        at_s=fact.at_ms / 1000,
        judged_through_s=fact.through_ms / 1000,
        action=fact.action,
        reason_code=code,
        reason=sentence or code,
        sentence=explain(fact.decision),
        stage=fact.stage,
        terminal=fact.terminal,
        turn=turn,
        wanted_pct=by_segment(fact.weights_bp),
        full=False,
    )
