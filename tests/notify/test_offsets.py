"""Where a hook's consumer begins, and what is said where nobody tells."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer

from streams.errors import LogError
from streams.notify import offsets
from streams.notify.offsets import begin_at


def test_a_broker_that_does_not_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the topics and what may be missing."""
    monkeypatch.setattr(offsets, "ASK_S", 0.2)
    consumer = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "log_level": 0})
    try:
        with pytest.raises(LogError) as failure:
            begin_at(consumer, [("decisions", 0), ("decisions", 1), ("rollouts", 0)])
    finally:
        consumer.close()
    said = str(failure.value)
    assert said.startswith("the broker does not say where to go on with decisions, rollouts: ")
    assert said.endswith("(`davy acls show notify`)")
