"""How is traffic moved by a program of others? It gets the desired state, and tells what it has.

Questions and answers are one JSON object each, the same over HTTP (`webhook`) and for a program on
this host (`exec`); the README of the room says what stands in them. The program keeps fence and
revision, and refuses what comes too late; one that does not keep them is raised no further.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    Observed,
    Outcome,
    Proof,
    Segments,
    Verification,
)
from streams.actuator.routers.foreign import understood
from streams.actuator.weights import complaint, matches, settled, single
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)
from streams.spec.model import ALL_SEGMENT

Json = dict[str, Any]
Ask = Callable[[Json], Json]
"""Puts a question and returns the answer; RouterErrors as of Router."""

VERSION = 1
LONGEST_WORDS = 300
"""Of an answer, in messages."""
REFUSALS: Mapping[str, type[RouterError]] = {
    "conflict": TargetConflict,
    "denied": TargetDenied,
    "not_found": TargetNotFound,
    "rejected": TargetRejected,
    "transient": TargetTransient,
}
"""The words for `error` in an answer."""


class RemoteRouter:
    """See Router."""

    def __init__(
        self, where: str, name: str, arms: Sequence[str], ask: Ask, can: Capabilities
    ) -> None:
        self._where, self._name, self._arms = where, name, tuple(arms)
        self._ask, self._can = ask, can

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return self._can

    def observe(self) -> Observed:
        """See Router."""
        return self._put("observe", {})

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router."""
        if problem := complaint(desired.weights_bp, self._arms):
            raise TargetRejected(problem)
        everybody = {ALL_SEGMENT: single(desired.weights_bp)}
        weights = settled(everybody, self._can.largest_weight, self._can.total)
        asked = {"weights_bp": weights, "expect": expect, "fence": _told(fence)}
        return Applied(revision=self._fenced("apply", asked, fence).revision, weights_bp=weights)

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router."""
        return self._fenced("sign", {"expect": expect, "fence": _told(fence)}, fence).revision

    def _fenced(self, ask: str, asked: Json, fence: Fence) -> Observed:
        seen = self._put(ask, asked)
        left = seen.fence
        if left is None or not _keeps(left, fence):
            raise TargetRejected(
                f"{self._where}: it did as told, but its answer carries the fence {left}, not "
                f"{fence} — keep the fence, and refuse writes whose seq or claim is lower"
            )
        return seen

    def verify(self, desired: Desired) -> Verification:
        """See Router; it is asked what it has now."""
        have = self.observe()
        can = self._can
        holds = matches(have.weights_bp, desired.weights_bp, can.largest_weight, can.total)
        how = f"{self._where}: {have.note or 'asked'}, {dict(have.weights_bp[ALL_SEGMENT])}"
        return Verification(proof=Proof.HOLDS if holds else Proof.PENDING, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """See Router; what there is to tidy up is the program's to know."""
        self._put("finalize", {"outcome": str(outcome)})

    def _put(self, ask: str, asked: Json) -> Observed:
        question = {"version": VERSION, "ask": ask, "name": self._name, "arms": [*self._arms]}
        answer = self._ask(question | asked)
        what, advice = "answer to davy's question", "streams/actuator/README.md says what it holds"
        with understood(self._where, what, error=TargetTransient, advice=advice):
            if answer.get("error"):
                raise refusal(self._where, answer)
            return self._observed(answer)

    def _observed(self, answer: Json) -> Observed:
        shares = answer["weights_bp"][ALL_SEGMENT]
        if not all(type(share) is int for share in shares.values()):
            raise ValueError(f"shares in whole basis points, not {shares!r}")
        weights: Segments = {ALL_SEGMENT: dict(shares)}
        if problem := complaint(weights, self._arms):
            raise ValueError(problem)
        unready = answer.get("unready", [])
        if not isinstance(unready, list) or any(arm not in self._arms for arm in unready):
            raise ValueError(f"unready: {unready!r} is no list of arms")
        return Observed(
            weights_bp=weights,
            revision=str(answer["revision"]),
            fence=_fence(answer.get("fence")),
            unready=tuple(unready),
            note=str(answer.get("note", "")),
        )


def object_of(text: str | bytes) -> Json:
    """The JSON object of an answer; an empty one where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def refusal(where: str, answer: Json, otherwise: str = "transient") -> RouterError:
    """The error that an answer's `error` and `message` come to."""
    kind = REFUSALS.get(str(answer.get("error") or otherwise), TargetTransient)
    words = str(answer.get("message") or answer.get("error") or "no reason given")
    return kind(f"{where}: {words[:LONGEST_WORDS]}")


def _keeps(left: Fence, fence: Fence) -> bool:
    """Whether what is left stops all that this fence must stop; a claim is never taken back."""
    same = (left.rollout, left.seq) == (fence.rollout, fence.seq)
    return same and left.claim >= fence.claim


def _told(fence: Fence) -> Json:
    return {"rollout": fence.rollout, "seq": fence.seq, "claim": fence.claim}


def _fence(told: object) -> Fence | None:
    match told:
        case None:
            return None
        case {"rollout": str(rollout), "seq": int(seq), "claim": int(claim)}:
            read = Fence.parse(str(Fence(rollout=rollout, seq=seq, claim=claim)))
            if read is not None:
                return read
    raise ValueError(f"fence: {told!r}")
