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
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from streams.demo.counts import FAULT_HEADER, VERSION_HEADER, Counts
from streams.demo.digits import digits
from streams.demo.people import REQUEST_ID, SERVICE, People
from streams.publisher import Publisher

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


@dataclass(frozen=True, slots=True)
class Question:
    """An image as a request's body, and what it shows."""

    body: bytes
    truth: int


async def ask(
    session: aiohttp.ClientSession,
    url: str,
    question: Question,
    tally: Tally,
    people: People | None,
) -> None:
    """One question; whatever happens is counted, and an answer is heard."""
    try:
        async with session.post(url, data=question.body) as answer:
            said = await answer.read()
            failed = answer.status >= HTTP_ERROR
            tally.count(
                answer.headers.get(VERSION_HEADER, LOST),
                failed=failed,
                faulty=FAULT_HEADER in answer.headers,
            )
            if people is not None and not failed and REQUEST_ID in answer.headers:
                people.hear(answer.headers[REQUEST_ID], json.loads(said), question.truth)
    except (aiohttp.ClientError, TimeoutError):
        tally.count(LOST, failed=True, faulty=False)


async def arrivals(url: str, rate: float, seed: int, tally: Tally, people: People | None) -> None:
    """Ask for ever: `rate` questions a second with exponential gaps, each a task of its own."""
    dice = random.Random(seed)
    held = digits()
    questions = [
        Question(json.dumps({"pixels": pixels.tolist()}).encode(), int(label))
        for pixels, label in zip(held.held_pixels, held.held_labels, strict=True)
    ]
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
            waiting.create_task(ask(session, url, dice.choice(questions), tally, people))


async def reports(path: Path, tally: Tally) -> None:
    """Add a line of totals to the file, every so often, for ever."""
    with path.open("a", encoding="utf-8") as out:
        while True:
            out.write(tally.counts().to_json() + "\n")
            out.flush()
            await asyncio.sleep(REPORT_S)


async def run(url: str, rate: float, seed: int, path: Path, people: People | None) -> None:
    """Ask and report until SIGTERM or SIGINT."""
    tally = Tally()
    asking = asyncio.gather(arrivals(url, rate, seed, tally, people), reports(path, tally))
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
    parser.add_argument("--bootstrap", help="where labels and purchases go; none are sent without")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        people = None
        if args.bootstrap is not None:
            # The registry, if any, is the environment's. People know no version.
            told = {"bootstrap": args.bootstrap, "service": SERVICE, "model_version": "unknown"}
            people = People(stack.enter_context(Publisher.from_env(**told)), args.seed)
        asyncio.run(run(args.url, args.rate, args.seed, args.counts, people))


if __name__ == "__main__":
    main()
