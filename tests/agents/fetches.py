"""What aiokafka's fetcher asks of others, as little of it as tests need."""

from __future__ import annotations


class Assigned:
    """Of a subscription: a partition that is assigned, and how far it was read."""

    active, paused = True, False

    def __init__(self) -> None:
        self.position = 0

    def state_value(self, _: object) -> Assigned:
        return self

    def consumed_to(self, offset: int) -> None:
        self.position = offset
