"""How does a worker start, live and end? `davy worker` runs `run_worker`."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from streams.agents.app import DavyApp, create_app
from streams.agents.batch import Partition
from streams.agents.context import Context
from streams.agents.counts import CountWatch
from streams.agents.health import AppLog, Health
from streams.agents.judge_owner import JudgeOwner
from streams.agents.life import live, unless
from streams.agents.meters import Meters
from streams.agents.owner import Owner
from streams.agents.ownership import Ownership
from streams.agents.prediction_owner import PredictionOwner
from streams.agents.sketch_owner import SketchOwner
from streams.agents.sources import RESOURCES
from streams.agents.specs import SpecFeed
from streams.agents.tail import STORE_RETRY_S
from streams.agents.watch import Watch
from streams.broker import is_transactional
from streams.errors import LogError, RegistryAway, StalledError
from streams.serving.pulse import Pulse, Watchdog
from streams.serving.server import StatusServer
from streams.serving.status import pages
from streams.settings import Settings
from streams.topics import check_topics
from streams.tracing.opening import Traces, open_traces
from streams.wire.codec import Codec
from streams.wire.frameless import hide_pandas
from streams.wire.keys import open_signer
from streams.wire.own import OwnRecords
from streams.wire.schemas import SUBJECTS
from streams.wire.signatures import Signer
from streams.wire.sparing import Sparing
from streams.wire.store import open_store

logger = logging.getLogger(__name__)

HEAL_S = 0.25
BEAT_S = 0.25
PORT = 8470
GRACE_S = 2.5
"""How long a schema id of an event may be unknown before the event is dead: registries have
replicas, and a service publishes as soon as one of them has taken its schema."""
TRACES_S = 2.0
"""How long the last spans may take to be sent."""


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGINT or SIGTERM; returns after everything is durable.

    Raises:
        LogError: topics are missing, or the broker cannot do what the settings ask for.
    """
    hide_pandas()
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run_until(settings, stop.wait)


async def run_until(settings: Settings, stopped: Callable[[], Awaitable[object]]) -> None:
    """Run a worker in this loop until `stopped()` returns.

    Raises:
        StalledError: something stands still that must move: the process must be started again.
    """
    pulse, health = Pulse(), Health(settings)
    with Watchdog(pulse, settings.hang_s) as watchdog, _server(settings, health, pulse):
        beating = asyncio.create_task(_beat(pulse), name="beat")
        try:
            await _run_watched(settings, stopped, watchdog, health)
        finally:
            beating.cancel()


def _server(settings: Settings, health: Health, pulse: Pulse) -> StatusServer:
    """Answers from its own thread, from what the main loop saw last."""
    told = pages(lambda: health.status(pulse), health.meters.registry)
    return StatusServer(settings.http, told, usual_port=PORT)


async def _beat(pulse: Pulse) -> None:
    while True:
        pulse.beat()
        await asyncio.sleep(BEAT_S)


async def _run_watched(
    settings: Settings,
    stopped: Callable[[], Awaitable[object]],
    watchdog: Watchdog,
    health: Health,
) -> None:
    await asyncio.to_thread(check_topics, settings)
    signer, traces = open_signer(settings), open_traces("worker", wanted=settings.traces)
    store = open_store(settings, grace_s=GRACE_S)
    codec = Codec(store, settings.prefix)
    health.registry_failures = lambda: store.failures
    waiting = asyncio.ensure_future(stopped())
    try:
        if await _knows_schemas(codec, waiting):
            await _work(settings, codec, signer, waiting, watchdog, health, traces)
    finally:
        waiting.cancel()
        if traces is not None:
            await asyncio.to_thread(traces.close, TRACES_S)


async def _work(
    settings: Settings,
    codec: Codec,
    signer: Signer | None,
    waiting: asyncio.Future[Any],
    watchdog: Watchdog,
    health: Health,
    traces: Traces | None,
) -> None:
    """Own and judge until `waiting` is over; it may be before anything has been read."""
    own = OwnRecords(codec, Sparing(logger.warning))
    specs = SpecFeed(settings, own)
    try:
        if await unless(waiting, specs.start()):
            app = await _app(settings, codec, own, specs, health.meters, signer, traces)
            logger.info("decisions are signed with %s", _signing(signer))
            log = AppLog(app, specs)

            async def watch() -> None:
                look = Watch(settings, app.ownership, log, own, health.registry_failures)
                health.follow(look)
                await look.run()

            await live(app, (partial(_heal, app, specs, own), watch), waiting, watchdog)
    finally:
        await specs.stop()


def _signing(signer: Signer | None) -> str:
    return "no key: set signing.key" if signer is None else f"key {signer.id}"


async def _knows_schemas(codec: Codec, stopped: asyncio.Future[Any]) -> bool:
    """Look up all schemas; a registry that is away is waited for. False: stopped first."""
    sparing = Sparing(logger.warning)
    while not stopped.done():
        try:
            await asyncio.to_thread(codec.know, SUBJECTS)
        except RegistryAway as away:
            sparing.say("away", f"waiting for the schema registry before anything is read: {away}")
            await asyncio.wait([stopped], timeout=STORE_RETRY_S)
        else:
            return True
    return False


async def _app(
    settings: Settings,
    codec: Codec,
    own: OwnRecords,
    specs: SpecFeed,
    meters: Meters,
    signer: Signer | None,
    traces: Traces | None,
) -> DavyApp:
    transactional = await asyncio.to_thread(is_transactional, settings)
    if not transactional:
        logger.warning("no transactions here: this worker writes unfenced; run one worker only")
    ownership = Ownership(
        lambda partition: _owner(partition, context),
        meters,
        settings.load_s,
        partial(_planned, settings),
    )
    app = create_app(settings, ownership)
    app.counts = CountWatch(settings)
    ownership.seek, ownership.confirm = app.seek, app.confirm
    context = Context(
        settings=settings,
        codec=codec,
        own=own,
        specs=specs,
        transactional=transactional,
        counts=app.counts,
        losses=ownership.losses,
        begin_offset=app.begin_offset,
        end_offset=app.end_offset,
        leaving=lambda: ownership.moving or ownership.ending,
        signer=signer,
        meters=meters,
        traces=traces,
    )
    return app


def _planned(settings: Settings, partition: Partition) -> bool:
    """Whether the settings know of it; one that was added later has no state."""
    judged = partition.topic == settings.topic("panes")
    count = settings.rollout_partitions if judged else settings.source_partitions
    return partition.partition < count


def _owner(partition: Partition, context: Context) -> Owner:
    """Who holds the state of a partition of this topic."""
    if partition.topic == context.settings.topic("panes"):
        return JudgeOwner(partition, context)
    if partition.topic == context.settings.topic("resources"):
        return SketchOwner(partition, context, RESOURCES)
    return PredictionOwner(partition, context)


async def _heal(app: DavyApp, specs: SpecFeed, own: OwnRecords) -> None:
    """Rebuild owners that failed, for as long as the worker lives.

    Raises:
        LogError: what cannot be healed has failed: the worker must end, and say so.
    """
    while True:
        await asyncio.sleep(HEAL_S)
        failure = app.ownership.failure or app.crash_reason or specs.failure
        if isinstance(failure, StalledError):
            raise failure
        if failure is not None:
            raise LogError(f"the worker cannot go on: {failure}") from failure
        await app.ownership.heal()
        own.remind()
