"""How is a target asked, so that it can neither end nor hold up the exporter?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from streams.errors import WireError
from streams.exporter.pages import PROCESS, Reading, read_page

MAX_BYTES = 32 << 20
"""Of a page; a kubelet with two hundred pods tells some megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An endpoint, and the version of its pods where their names do not tell it."""

    url: str
    version: str = ""

    @property
    def pod(self) -> str:
        """What stands for the pod of a page of one process."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a target told nothing: a code that is counted, and a sentence."""

    code: str
    detail: str


async def scrape(
    client: httpx.AsyncClient, target: Target, timeout_s: float
) -> dict[str, Reading] | Failure:
    """Pod -> reading, or why not; never raises for what a target does."""
    try:
        async with asyncio.timeout(timeout_s):
            text = await _page(client, target.url)
    except TimeoutError:
        return Failure(code="slow", detail=f"no whole answer within {timeout_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as problem:
        return Failure(code="down", detail=f"{type(problem).__name__}: {problem}")
    except WireError as problem:
        return Failure(code="garbage", detail=str(problem))
    try:
        found = await asyncio.to_thread(read_page, text)
    except WireError as problem:
        return Failure(code="garbage", detail=str(problem))
    return {target.pod if pod == PROCESS else pod: reading for pod, reading in found.items()}


async def _page(client: httpx.AsyncClient, url: str) -> str:
    async with client.stream("GET", url) as answer:
        answer.raise_for_status()
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise WireError(f"is larger than {MAX_BYTES >> 20} MB")
    try:
        return body.decode()
    except UnicodeDecodeError as problem:
        raise WireError(f"is no text: {problem}") from problem
