"""How do endpoints' pages become the topic `resources`, for as long as it takes?

Every target is asked at once, each with its own time limit; what one does not tell is counted and
said, and costs nothing but its own samples.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
from confluent_kafka import KafkaException, Producer

from streams.broker import LIBRDKAFKA
from streams.exporter.health import Health
from streams.exporter.pages import Reading
from streams.exporter.scrape import Failure, Target, scrape
from streams.exporter.shares import Seen, Whose, sample_of, shares
from streams.serving.pulse import Watchdog
from streams.serving.server import StatusServer
from streams.serving.status import pages
from streams.settings import Property, Settings
from streams.wire.codec import Codec
from streams.wire.sparing import Sparing
from streams.wire.store import open_store

logger = logging.getLogger(__name__)

PORT = 8473
LISTEN_S = 1.0
DELIVERY_S = 60
LAST_FLUSH_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to ask, how often, and whose the answers are."""

    targets: tuple[Target, ...]
    whose: Whose
    every_s: float
    timeout_s: float


class Exporter:
    """Asks, compares with the time before, publishes; counts what came of it."""

    def __init__(self, settings: Settings, plan: Plan, health: Health | None = None) -> None:
        """RegistryError where the schema of `resources` is not known."""
        self._health = health or Health(settings)
        self._tally = self._health.tally
        self._tally.targets = len(plan.targets)
        self.counts: Counter[str] = self._tally.counts
        """`published`, `delivered`, `lost`, `unmapped`, `first`, `nothing`; failures by code."""
        self._plan = plan
        self._topic = settings.topic("resources")
        self._health.store = store = open_store(settings)
        self._codec = Codec(store, settings.prefix)
        own: dict[str, Property] = {
            "partitioner": "murmur2_random",
            "acks": "all",
            "message.timeout.ms": DELIVERY_S * 1000,
        }
        config = settings.confluent(**own) | self._health.contact.config
        self._producer = Producer(config, logger=LIBRDKAFKA)
        self._seen: dict[tuple[str, str], Seen] = {}
        self._sparing = Sparing(logger.warning)

    async def round(self, client: httpx.AsyncClient) -> None:
        """Ask every target once and publish what is new."""
        plan = self._plan
        answers = await asyncio.gather(*(self._asked(client, target) for target in plan.targets))
        for target, (found, at_s, at_ms) in zip(plan.targets, answers, strict=True):
            if isinstance(found, Failure):
                self.counts[found.code] += 1
                self._sparing.say((target.url, found.code), f"{target.url}: {found.detail}")
            else:
                self._take(target, found, at_s, at_ms)
        failed = sum(isinstance(found, Failure) for found, _, _ in answers)
        self._tally.answered = len(answers) - failed
        self._tally.round_at = time.monotonic()
        self._producer.poll(0)
        self._sparing.remind()

    async def _asked(
        self, client: httpx.AsyncClient, target: Target
    ) -> tuple[Mapping[str, Reading] | Failure, float, int]:
        found = await scrape(client, target, self._plan.timeout_s)
        self._health.pulse.beat()
        return found, time.monotonic(), time.time_ns() // 1_000_000

    def _take(
        self, target: Target, readings: Mapping[str, Reading], at_s: float, at_ms: int
    ) -> None:
        whose = self._plan.whose
        versions = {pod: whose.version(pod, target.version) for pod in sorted(readings)}
        mapped = {pod: version for pod, version in versions.items() if version}
        self.counts["unmapped"] += len(versions) - len(mapped)
        if not mapped:
            told = f"names no pod that --pods gives a version: {', '.join([*versions][:3])} ..."
            self._sparing.say((target.url, "unmapped"), f"{target.url}: {told}")
        for pod, version in mapped.items():
            now = Seen(reading=whose.limited(readings[pod]), at_s=at_s)
            used = self._since_before(target, pod, now)
            if used is not None:
                self._publish(pod, sample_of(pod, whose, version, at_ms, used))
        self._forget(target, readings)

    def _since_before(self, target: Target, pod: str, now: Seen) -> dict[str, float | int] | None:
        """What a pod used since it was seen before; of what has no limit there is nothing."""
        before = self._seen.get((target.url, pod))
        self._seen[target.url, pod] = now
        told = shares(before, now)
        if told is None:
            self.counts["first" if before is None else "nothing"] += 1
        if before is None and now.reading.unlimited:
            each = now.reading.unlimited
            flags = " and ".join(f"--{name}-limit" for name in each)
            logger.warning("%s: no limit of %s is known; give %s", pod, " and ".join(each), flags)
        return told

    def _forget(self, target: Target, readings: Mapping[str, Reading]) -> None:
        """Pods come and go; one that a page no longer names begins anew."""
        gone = [key for key in self._seen if key[0] == target.url and key[1] not in readings]
        for key in gone:
            del self._seen[key]

    def _publish(self, pod: str, sample: dict[str, Any]) -> None:
        value = self._codec.encode("resources", sample)
        try:
            self._producer.produce(self._topic, value, pod, on_delivery=self._delivered)
        except (BufferError, KafkaException) as problem:
            self.counts["lost"] += 1
            self._sparing.say("lost", f"a sample of {pod} is lost: {problem}")
            return
        self.counts["published"] += 1

    def _delivered(self, error: Any, _: Any) -> None:
        self.counts["lost" if error is not None else "delivered"] += 1
        if error is not None:
            self._sparing.say("lost", f"samples are lost: {error}")

    def listen(self) -> None:
        """Hear what the broker says of what was sent; never waits."""
        self._producer.poll(0)

    def close(self) -> None:
        """Wait a while for what is under way."""
        self.counts["lost"] += self._producer.flush(LAST_FLUSH_S)


async def export(
    settings: Settings, plan: Plan, stopped: Callable[[], Awaitable[object]]
) -> Mapping[str, int]:
    """Export until `stopped()` returns; what came of it, by name.

    Raises:
        SettingsError: the address of health and metrics cannot be had.
    """
    health = Health(settings)
    web = pages(health.status, health.registry)
    exporter = await asyncio.to_thread(Exporter, settings, plan, health)
    ending = asyncio.ensure_future(stopped())
    try:
        with ExitStack() as held:
            held.enter_context(StatusServer(settings.http, web, usual_port=PORT))
            if threading.current_thread() is threading.main_thread():  # else it is not our process
                held.enter_context(Watchdog(health.pulse, settings.hang_s))
            await _rounds(exporter, plan, health, ending)
    finally:
        ending.cancel()
        await asyncio.to_thread(exporter.close)
    told = ", ".join(f"{count} {name}" for name, count in sorted(exporter.counts.items()))
    logger.info("exporter stopped: %s", told or "nothing was told")
    return exporter.counts


async def _rounds(
    exporter: Exporter, plan: Plan, health: Health, ending: asyncio.Future[object]
) -> None:
    """Round after round until it is to end; between them the broker is listened to."""
    async with httpx.AsyncClient(follow_redirects=True, timeout=plan.timeout_s) as client:
        while not ending.done():
            begun = time.monotonic()
            await exporter.round(client)
            health.pulse.beat()
            while not ending.done() and (left_s := begun + plan.every_s - time.monotonic()) > 0:
                await asyncio.wait([ending], timeout=min(LISTEN_S, left_s))
                health.pulse.beat()
                exporter.listen()


def targets_of(texts: Sequence[str]) -> tuple[Target, ...]:
    """Targets as the command line names them: a URL, or `VERSION=URL`.

    >>> targets_of(["v1=http://a:9090/metrics"])[0].version
    'v1'
    """
    found = []
    for text in texts:
        head, _, tail = text.partition("=")
        named = tail.startswith(("http://", "https://")) and "://" not in head
        found.append(Target(url=tail, version=head) if named else Target(url=text))
    return tuple(found)
