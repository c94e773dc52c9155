"""How is something posted, and what does the answer mean? Whatever happens, no URL is told.

URLs of Slack and Teams are secrets: errors name the host alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from streams.errors import HookAway, HookRefused

AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Answers besides 5xx after which the same may be taken later."""
SHOWN_BYTES = 300
LONGEST_WAIT_S = 3600.0


class Poster:
    """Posts to one address."""

    def __init__(self, url: str, timeout_s: float, token: str | None = None) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "davy"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._url, self._timeout_s = url, timeout_s
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._client = httpx.Client(headers=headers, timeout=timeout_s, follow_redirects=False)

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Post, and return once it was taken (2xx).

        Raises:
            HookAway: nobody answered, or not now (5xx, 429 ...).
            HookRefused: any other answer.
        """
        deadline = time.monotonic() + self._timeout_s
        try:
            sent = self._client.stream("POST", self._url, content=body, headers=headers)
            with sent as answer:
                self._judge(answer, deadline)
        except httpx.HTTPError as error:
            raise HookAway(f"{self._host}: {type(error).__name__}") from error
        except httpx.InvalidURL as error:
            raise HookRefused(f"{self._host}: its URL cannot be used; write it anew") from error

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _judge(self, answer: httpx.Response, deadline: float) -> None:
        if answer.is_success:
            return
        text = _begin_of(answer, deadline)
        told = f"{self._host}: answered {answer.status_code}{text}"
        if answer.is_server_error or answer.status_code in AGAIN:
            raise HookAway(told, _retry_after_s(answer))
        raise HookRefused(f"{told}; see the hook's address and secret")


def _begin_of(answer: httpx.Response, deadline: float) -> str:
    """How the answer's text begins, on one line; it is not waited for what comes by drops."""
    read = b""
    for piece in answer.iter_bytes(SHOWN_BYTES):
        read += piece
        if len(read) >= SHOWN_BYTES or time.monotonic() > deadline:
            break
    text = " ".join(read[:SHOWN_BYTES].decode(errors="replace").split())
    return f": {text}" if text else ""


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds of `Retry-After`; a date in it is not worth reading."""
    told = answer.headers.get("Retry-After", "")
    return min(float(told), LONGEST_WAIT_S) if told.isdecimal() else None


def as_json(value: object) -> bytes:
    """Compact JSON, keys in order: the same value gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
