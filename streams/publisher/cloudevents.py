"""What CloudEvent does an HTTP request carry? Version 1.0, in binary and in structured mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

VERSION = "1.0"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "ce-"
CONTEXT = ("specversion", "id", "type", "source", "time")
NAME = re.compile(r"[a-z0-9]{1,64}")
"""Of attributes; what is called otherwise is none."""
WORD = re.compile(r"[!-~]{1,256}")
"""Ids and types: one word of plain ASCII. The specification allows more, and nobody sends it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class NotAnEvent(Exception):  # noqa: N818 - it names the request, and never leaves this room
    """A request that carries no CloudEvent, or none that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event."""

    event_id: str
    kind: str
    """Its `type`."""
    time_ms: float | None
    """When it says it happened, in milliseconds since the epoch."""
    attributes: Mapping[str, str]
    """All its attributes of text, extensions among them."""
    data: bytes | None
    """None: left out by whoever read the request, for it was too large."""


def event_of(headers: Iterable[tuple[str, str]], body: bytes | None) -> Event:
    """The event of a request; names of headers in lower case, `body` None where it was too large.

    Raises:
        NotAnEvent: there is none, with what is missing or wrong.
    """
    told = list(headers)
    kind = next((value for name, value in told if name == "content-type"), "")
    mode = kind.partition(";")[0].strip().lower()
    if mode == BATCH:
        raise NotAnEvent("batches are not taken; send events one by one")
    return _structured(body) if mode == STRUCTURED else _event(_from_headers(told), body)


def _from_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        attribute = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or not NAME.fullmatch(attribute):
            continue
        if attribute in found:
            raise NotAnEvent(f"{name} stands there twice")
        try:
            found[attribute] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise NotAnEvent(f"{name} is no UTF-8 in percent-encoding") from None
    return found


def _structured(body: bytes | None) -> Event:
    if body is None:
        raise NotAnEvent("the event is too large")
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnEvent("the body is no JSON") from None
    if not isinstance(whole, dict):
        raise NotAnEvent("the body is no JSON object")
    if any(not isinstance(whole.get(name, ""), str) for name in CONTEXT):
        raise NotAnEvent(f"{', '.join(CONTEXT)} are texts")
    attributes = {
        name: value
        for name, value in whole.items()
        if isinstance(value, str) and NAME.fullmatch(name) and name != "data"
    }
    return _event(attributes, _data(whole))


def _data(whole: Mapping[str, Any]) -> bytes:
    """The data as the sender had it; JSON is written anew."""
    if "data_base64" in whole:
        try:
            return base64.b64decode(whole["data_base64"], validate=True)
        except (TypeError, ValueError):
            raise NotAnEvent("data_base64 is no Base64") from None
    try:
        return json.dumps(whole.get("data")).encode()
    except RecursionError:
        raise NotAnEvent("data is nested too deep") from None


def _event(attributes: dict[str, str], data: bytes | None) -> Event:
    if attributes.get("specversion") != VERSION:
        raise NotAnEvent(f"specversion must be {VERSION}; send CloudEvents")
    for name in ("id", "type"):
        if not WORD.fullmatch(attributes.get(name, "")):
            raise NotAnEvent(f"{name} must be 1 to 256 characters of plain ASCII without blanks")
    if not attributes.get("source"):
        raise NotAnEvent("source is missing")
    return Event(
        event_id=attributes["id"],
        kind=attributes["type"],
        time_ms=_time_ms(attributes.get("time")),
        attributes=attributes,
        data=data,
    )


def _time_ms(text: str | None) -> float | None:
    if text is None:
        return None
    found: datetime | None = None
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(text)
    if found is None or found.tzinfo is None:
        raise NotAnEvent("time must be as in RFC 3339, with its offset: 2026-01-01T00:00:00Z")
    return (found - EPOCH) / MILLISECOND
