"""What do KServe's logged payloads say? Events become predictions, whoever brings them.

The logger stamps an event when it sends it, and sends a response's only where its code was 200.
https://github.com/kserve/kserve/tree/master/pkg/logger
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from streams.errors import SettingsError
from streams.publisher.cloudevents import Event, NotAnEvent
from streams.publisher.facts import Status
from streams.publisher.pairs import Half, Heard, Key, Pair, Pairs, Side
from streams.publisher.request import Answer, Sink
from streams.publisher.said import NOTHING, Said, said_of_body
from streams.publisher.served import PLAIN_ID, TARGETED

SIDES = {
    "org.kubeflow.serving.inference.request": Side.REQUEST,
    "org.kubeflow.serving.inference.response": Side.RESPONSE,
}
EXAMPLE = "http://davy-bridge:8480/v2"
MAX_HEADER = 256
SKEW_MS = 300_000
"""How far a sender's clock may be off; beyond, its predictions would be late or of the future."""
JITTER_MS = 1000
"""A response may be stamped before its request: the logger's threads send them side by side."""


class Told(StrEnum):
    """What became of events."""

    PUBLISHED = "published"  # a request with its answer
    UNANSWERED = "unanswered"  # a request without an answer in time, published as TIMEOUT
    UNASKED = "unasked"  # an answer without its request: nobody knows how long it took
    REPEATED = "repeated"  # told before
    OTHER_COMPONENT = "other_component"  # a transformer's, where the predictor's count
    UNREAD = "unread"  # an answer that is no V1 or V2 response: published without a class
    REFUSED = "refused"  # no event, or one that makes no sense
    FULL = "full"  # too many wait: the request of this event is not published


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How events are understood."""

    answer_within_s: float = 60.0
    """A request without an answer for so long failed: more than the longest answer takes."""
    most_waiting: int = 100_000
    """How many requests are remembered, each for `answer_within_s`."""
    component: str = "predictor"
    """Whose events count: `predictor`, or `transformer` for the two together."""
    segments: Mapping[str, str] = field(default_factory=dict)
    """Segment -> header; the logger passes on those in its `metadataHeaders`."""
    unit_header: str = ""
    """The header that names the user, where routing is sticky."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in ("answer_within_s", "most_waiting"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name}: must be above 0, got {getattr(self, name)!r}")


class Payloads:
    """Pairs events and publishes predictions; used by one thread, or one event loop, alone."""

    def __init__(self, publisher: Sink, rules: Rules) -> None:
        self._publisher = publisher
        self._rules = rules
        self._pairs = Pairs(wait_s=rules.answer_within_s, most=rules.most_waiting)
        told = {"targeted": TARGETED, **rules.segments}
        self._segments = {name: header.lower() for name, header in told.items()}
        self._unit = rules.unit_header.lower()
        self._counts: Counter[Told] = Counter()

    def counts(self) -> dict[str, int]:
        """What became of events so far, and how many requests are remembered."""
        return {told.value: self._counts[told] for told in Told} | {"remembered": len(self._pairs)}

    def refuse(self) -> None:
        """Count what was no event."""
        self._counts[Told.REFUSED] += 1

    def hear(self, version: str, event: Event, *, now_ms: int, clock_s: float) -> None:
        """Take one event in.

        Args:
            version: of the model that it tells of.
            event: what was told.
            now_ms: milliseconds since the epoch.
            clock_s: seconds of a clock that never jumps.

        Raises:
            NotAnEvent: it tells of something else, or of another time.
        """
        self.overdue(now_ms=now_ms, clock_s=clock_s)
        if not PLAIN_ID.fullmatch(version) or "/" in version:
            raise NotAnEvent(f"the url must end with the model's version: {EXAMPLE}")
        half = self._half(event, now_ms)
        if event.attributes.get("component", self._rules.component) != self._rules.component:
            self._counts[Told.OTHER_COMPONENT] += 1
            return
        key = Key(version=version, request_id=event.event_id)
        found = self._pairs.hear(key, half, clock_s)
        match found:
            case Pair():
                self._answered(key, found)
            case Heard.REPEATED:
                self._counts[Told.REPEATED] += 1
            case Heard.FULL:
                self._counts[Told.FULL] += 1
            case Heard.WAITING:
                pass
            case _:
                assert_never(found)

    def overdue(self, *, now_ms: int, clock_s: float) -> None:
        """Publish the requests that nobody answered in time.

        Their time is now: they are over when they are given up, and earlier would be late.
        """
        for key, half in self._pairs.overdue(clock_s):
            if half.side is Side.RESPONSE:
                self._counts[Told.UNASKED] += 1
                continue
            self._counts[Told.UNANSWERED] += 1
            waited_ms = self._rules.answer_within_s * 1000
            self._publisher.answered(
                _answer(key, half, NOTHING),
                latency_ms=waited_ms,
                status=Status.TIMEOUT,
                completed_at_ms=now_ms,
            )

    def _half(self, event: Event, now_ms: int) -> Half:
        side = SIDES.get(event.kind)
        if side is None:
            raise NotAnEvent(f"type must be one of {', '.join(SIDES)}")
        if event.time_ms is not None and abs(event.time_ms - now_ms) > SKEW_MS:
            off_s = (event.time_ms - now_ms) / 1000
            raise NotAnEvent(f"time is {off_s:.0f} s off this clock; set both clocks (NTP)")
        headers = _headers(event.attributes.get("metadata", ""))
        return Half(
            side=side,
            told_ms=event.time_ms,
            heard_ms=now_ms,
            said=_said(event.data) if side is Side.RESPONSE else NOTHING,
            unit=headers.get(self._unit) if self._unit else None,
            segments={
                name: headers[header]
                for name, header in self._segments.items()
                if header in headers
            },
        )

    def _answered(self, key: Key, pair: Pair) -> None:
        if pair.latency_ms < -JITTER_MS:
            self._counts[Told.REFUSED] += 1
            return
        self._counts[Told.PUBLISHED] += 1
        said = pair.response.said
        if said is None:
            self._counts[Told.UNREAD] += 1
        self._publisher.answered(
            _answer(key, pair.request, NOTHING if said is None else said),
            latency_ms=max(0.0, pair.latency_ms),
            status=Status.OK,
            completed_at_ms=int(pair.completed_at_ms),
        )


def _answer(key: Key, request: Half, said: Said) -> Answer:
    return Answer(
        request_id=key.request_id,
        model_version=key.version,
        predicted_class=said.predicted_class,
        score=said.score,
        unit=request.unit,
        segments=dict(request.segments),
    )


def _said(data: bytes | None) -> Said | None:
    return None if data is None else said_of_body(data)


def _headers(metadata: str) -> dict[str, str]:
    """Names in lower case and values of the headers that the logger passes on, `{name: [value]}`.

    One that stands there twice, or is longer than any segment, says nothing.
    """
    try:
        whole = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(whole, dict):
        return {}
    found: dict[str, str] = {}
    for name, values in whole.items():
        match values:
            case [str(value)] if len(value) <= MAX_HEADER:
                found[name.lower()] = value
    return found
