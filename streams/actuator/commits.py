"""Where in `decisions` must a restart begin, and what does the coordinator say of this member?

A commit carries the member's generation, so that each one that is taken confirms its tenure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.actuator.lines import say
from streams.actuator.tenure import GroupTenure

EVERY_S = 1.0
ASK_S = 5.0


class Commits:
    """Commits of one consumer, one at a time, whatever is assigned to it. One thread."""

    def __init__(self, topic: str, session_s: float, confirmed: Callable[[], None]) -> None:
        """`confirmed` is called where somebody waited for a confirmation."""
        self._topic, self._session_s, self._confirmed = topic, session_s, confirmed
        self._known: dict[int, int] = {}
        self._under_way: tuple[GroupTenure, float] | None = None
        """Whose confirmation was asked for, and when."""
        self._due = 0.0
        self.tenure = GroupTenure(session_s)

    def begin(self, known: Mapping[int, int]) -> None:
        """A new assignment; partition -> offset that is committed."""
        self._known = dict(known)
        self.tenure = GroupTenure(self._session_s)

    def known(self, partition: int) -> int:
        """What is committed; 0 where nothing is."""
        return self._known.get(partition, 0)

    def keep(self, consumer: Consumer, durable: Mapping[int, int], now: float) -> None:
        """Commit, news or none, when it is time or somebody waits; `answered` tells the rest."""
        due = now >= self._due or self.tenure.urgent
        if not due or not durable or self._under_way is not None:
            return
        self.tenure.urgent = False
        self._due = now + EVERY_S
        self._under_way = (self.tenure, now)
        try:
            consumer.commit(offsets=self._offsets(durable), asynchronous=True)
        except KafkaException as error:
            self.answered(error.args[0], [])

    def answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """What the coordinator said of the commit under way; `poll` calls it."""
        asked, self._under_way = self._under_way, None
        troubles = [error] if error else [p.error for p in offsets if p.error is not None]
        if troubles:
            say(logging.WARNING, "actuator.not_committed", {"error": troubles[0].str()})
        elif asked is not None:
            self._known |= {p.partition: p.offset for p in offsets}
            if asked[0].confirm(asked[1]):
                self._confirmed()

    def end(self, consumer: Consumer, durable: Mapping[int, int]) -> None:
        """Commit what is news, and wait for it."""
        news = {number: at for number, at in durable.items() if at != self.known(number)}
        if not news:
            return
        try:
            consumer.commit(offsets=self._offsets(news), asynchronous=False)
        except KafkaException as error:
            say(logging.WARNING, "actuator.not_committed", {"error": error.args[0].str()})

    def _offsets(self, durable: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number, at) for number, at in durable.items()]


def tell_lost(consumer: Consumer, topic: str, begin: Mapping[int, int]) -> None:
    """Say which records retention deleted before they were read; reading goes on after them.

    Weights are absolute and a number that was seen is never taken again, so the next decision puts
    everything right; one that was deleted is not made up for.
    """
    for number, offset in begin.items():
        try:
            first, _ = consumer.get_watermark_offsets(TopicPartition(topic, number), ASK_S)
        except KafkaException:
            continue  # not knowing is no reason not to go on
        if first > offset:
            facts = {
                "at": f"{topic}-{number}",
                "offsets": f"{offset} to {first - 1}",
                "advice": "no actuator ran for as long as retention: look at `davy rollout status`",
            }
            say(logging.ERROR, "actuator.decisions_lost", facts)
