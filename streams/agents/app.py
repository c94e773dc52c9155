"""Which agents run on a worker, and on what?

Three Faust agents: two fold `predictions` and `resources`, one judges `panes`. Faust distributes
the partitions; `Ownership` holds what belongs to each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.tables.manager import TableManager
from faust.types import TP
from faust.types.auth import CredentialsT

from streams.agents.batch import Batch, Partition
from streams.agents.counts import CountWatch
from streams.agents.ending import Deadline
from streams.agents.ownership import Ownership
from streams.agents.sources import FORMS
from streams.settings import METADATA_MS, Settings

if TYPE_CHECKING:
    from streams.agents.transport import Consumer


class NoTables(TableManager):
    """Faust waits a second for tables to be defined before it joins the group; there are none."""

    async def on_start(self) -> None:
        """At once."""
        await self._update_channels()
        await self.recovery.start()


class DavyApp(faust.App):
    """A Faust app that knows its owners, whom the transport asks, and the partitions there are."""

    ownership: Ownership
    judged_topic: str
    """Full name of `panes`: what the judge waits for."""
    folded_topics: frozenset[str]
    """Full names of the sources, and of `outcomes`."""
    counts: CountWatch
    deadline: Deadline
    """When it must have ended, once it stops."""

    def _create_directories(self) -> None:
        """None: davy has no tables, and a worker must start where the disk is full."""

    def _on_rebalance_when_stopped(self) -> None:
        """Nothing: `stop` is under way and leaves the group when everything is durable.

        Faust would close the connection under it, from another thread; the last commit then tries
        again for ever.
        """

    async def begin_offset(self, partition: Partition) -> int:
        """Of the first record that is left."""
        begins: Any = await self.consumer.earliest_offsets(TP(*partition))
        return int(begins[TP(*partition)])

    async def end_offset(self, partition: Partition) -> int:
        """Where readers of committed records end."""
        ends: Any = await self.consumer.highwaters(TP(*partition))
        return int(ends[TP(*partition)])

    async def seek(self, positions: Mapping[Partition, int]) -> None:
        """See Ownership.seek."""
        await cast("Consumer", self.consumer).reseek(positions)

    async def confirm(self, partition: Partition, offset: int) -> bool:
        """See Ownership.confirm."""
        return await cast("Consumer", self.consumer).confirm(partition, offset)


def create_app(settings: Settings, ownership: Ownership) -> DavyApp:
    """Build the worker's Faust app; nothing is connected yet."""
    app = DavyApp(
        settings.group,
        broker=";".join(f"davy://{host}" for host in settings.bootstrap.split(",")),
        broker_credentials=_credentials(settings),
        broker_commit_interval=1.0,
        broker_commit_every=1 << 60,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_request_timeout=max(60.0, settings.session_timeout_s * 2, settings.load_s * 1.2),
        broker_max_poll_records=settings.max_poll_records,
        consumer_max_fetch_size=8 << 20,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MS,
        producer_metadata_max_age_ms=METADATA_MS,
        consumer_group_instance_id=settings.instance_id,
        stream_wait_empty=True,
        stream_buffer_maxsize=16,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        producer_acks=-1,
        web_enabled=False,
        TableManager=NoTables,
        worker_redirect_stdouts=False,
        value_serializer="raw",
        key_serializer="raw",
    )
    app.ownership = ownership
    app.deadline = Deadline(settings.session_timeout_s)
    app.judged_topic = settings.topic("panes")
    app.folded_topics = frozenset(map(settings.topic, (*FORMS, "outcomes")))
    for name in (*FORMS, "panes"):
        topic = app.topic(settings.topic(name), value_type=bytes, value_serializer="raw")
        app.agent(topic, name=f"{name}_agent", concurrency=1)(_feed(ownership))
    return app


def _feed(ownership: Ownership) -> Any:
    async def feed(batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            await ownership.feed(batch)

    return feed


def _credentials(settings: Settings) -> CredentialsT | None:
    """Faust's words for the security that `settings.aiokafka()` holds."""
    security = settings.aiokafka()
    context: Any = security.get("ssl_context")
    if "sasl_mechanism" in security:
        return SASLCredentials(
            username=str(security["sasl_plain_username"]),
            password=str(security["sasl_plain_password"]),
            mechanism=str(security["sasl_mechanism"]),
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)
