"""How does an owner begin, from what the log holds, and how does it end?"""

from __future__ import annotations

import asyncio
import logging

from aiokafka.errors import KafkaError, KafkaTimeoutError

from streams.agents.batch import Partition
from streams.agents.halts import Waits
from streams.agents.owner import Owner

logger = logging.getLogger(__name__)

CLOSE_S = 10.0
"""How long an owner may take to end; what it still does after that is fenced."""


def passes(error: KafkaError) -> bool:
    """Whether asking a broker again may help; else a person must see to it, as with its rights."""
    return bool(error.retriable) or isinstance(error, KafkaTimeoutError)


async def load(partition: Partition, owner: Owner, load_s: float) -> Waits | KafkaError | None:
    """Let an owner read its state; why it has failed and may be tried again, None if it has not.

    Raises:
        BaseException: what no trying again mends, a cancellation included; the owner has ended.
    """
    try:
        async with asyncio.timeout(load_s):
            await owner.load()
    except BaseException as error:
        await end(partition, owner)
        if isinstance(error, Waits) or (isinstance(error, KafkaError) and passes(error)):
            owner.fail(error)
            return error
        raise
    return None


async def end(partition: Partition, owner: Owner) -> None:
    """Close an owner; one that hangs is left behind."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await owner.close()
    except TimeoutError:
        logger.warning("%s-%d: the owner before does not end; it is left behind", *partition)
