"""How long does a member of the group wait for an answer?

aiokafka has one time for all questions, and joining takes as long as the group needs to gather. A
broker that is frozen would be waited for as long by heartbeats, commits, fetches, and by whoever
wants a connection to another one meanwhile. Here only joining has that time, as in Kafka's own
client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

JOINING = (JoinGroupRequest, SyncGroupRequest)
Send = Callable[..., Awaitable[Any]]


def impatient(client: AIOKafkaClient, question_s: float) -> Send:
    """The client's `send` with `question_s` for all that is not joining, and for connecting.

    What joining may take stays what the client was made with.
    """
    join_s = client._request_timeout_ms / 1000  # noqa: SLF001
    client._request_timeout_ms = round(question_s * 1000)  # noqa: SLF001 - for new connections

    async def send(
        node: int, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT
    ) -> Any:
        connection = await client._get_conn(node, group=group)  # noqa: SLF001
        if connection is not None:  # read when the request goes out, which is now
            patience_s = join_s if isinstance(request, JOINING) else question_s
            connection._request_timeout = patience_s  # noqa: SLF001
        return await AIOKafkaClient.send(client, node, request, group=group)

    return send
