"""Who asks the models, and which of them answered?

A process: Poisson arrivals of held-out digits through the proxy, never waiting for an answer before
the next question. It counts by the answers' own header, so its shares are the proxy's real split,
and adds a line of totals to a file several times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import time
from collections import Counter
from pathlib import Path

import aiohttp

from streams.demo.counts import FAULT_HEADER, VERSION_HEADER, Counts
from streams.demo.digits import digits

REPORT_S = 0.2
ANSWER_S = 5.0
MOST_WAITING = 500
LOST = "none"  # answered by the proxy itself, or not at all
HTTP_ERROR = 500


class Tally:
    """Running totals by version."""

    def __init__(self) -> None:
        self._answered = Counter[str]()
        self._failed = Counter[str]()
        self._first_fault_ms: dict[str, int] = {}
        self._last_ms: dict[str, int] = {}

    def count(self, version: str, *, failed: bool, faulty: bool) -> None:
        """One answer has come in just now."""
        now_ms = time.time_ns() // 1_000_000
        self._answered[version] += 1
        self._failed[version] += failed
        self._last_ms[version] = now_ms
        if faulty:
            self._first_fault_ms.setdefault(version, now_ms)

    def counts(self) -> Counts:
        """The totals as a fact."""
        return Counts(
            at_ms=time.time_ns() // 1_000_000,
            answered=dict(self._answered),
            failed=dict(self._failed),
            first_fault_ms=dict(self._first_fault_ms),
            last_ms=dict(self._last_ms),
        )


async def ask(session: aiohttp.ClientSession, url: str, body: bytes, tally: Tally) -> None:
    """One question; whatever happens is counted."""
    try:
        async with session.post(url, data=body) as answer:
            await answer.read()
            tally.count(
                answer.headers.get(VERSION_HEADER, LOST),
                failed=answer.status >= HTTP_ERROR,
                faulty=FAULT_HEADER in answer.headers,
            )
    except (aiohttp.ClientError, TimeoutError):
        tally.count(LOST, failed=True, faulty=False)


async def arrivals(url: str, rate: float, seed: int, tally: Tally) -> None:
    """Ask for ever: `rate` questions a second with exponential gaps, each a task of its own."""
    dice = random.Random(seed)
    bodies = [json.dumps({"pixels": row.tolist()}).encode() for row in digits().held_pixels]
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    connector = aiohttp.TCPConnector(limit=MOST_WAITING)
    headers = {"content-type": "application/json"}
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session,
        asyncio.TaskGroup() as waiting,
    ):
        due = time.monotonic()
        while True:
            due += dice.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            waiting.create_task(ask(session, url, dice.choice(bodies), tally))


async def reports(path: Path, tally: Tally) -> None:
    """Add a line of totals to the file, every so often, for ever."""
    with path.open("a", encoding="utf-8") as out:
        while True:
            out.write(tally.counts().to_json() + "\n")
            out.flush()
            await asyncio.sleep(REPORT_S)


async def run(url: str, rate: float, seed: int, path: Path) -> None:
    """Ask and report until SIGTERM or SIGINT."""
    tally = Tally()
    asking = asyncio.gather(arrivals(url, rate, seed, tally), reports(path, tally))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asking.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await asking


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Ask the demo's models through the proxy.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, required=True, help="questions a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--counts", type=Path, required=True, help="file for the totals")
    args = parser.parse_args()
    asyncio.run(run(args.url, args.rate, args.seed, args.counts))


if __name__ == "__main__":
    main()
