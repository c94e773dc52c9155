"""`python -m tests.failover.judge_steps worker`: `davy worker`, whose judge goes step by step.

Steps are the parts of loading, each record sent, each transaction: `load/fence`, `load/states`,
`sent/decisions/1`, `decision/1/transaction`. Decisions are counted by process.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from streams.agents import writer
from streams.agents.controls import ControlTail
from streams.agents.judge_records import JudgeRecords
from streams.agents.leases import Leases
from streams.cli import app
from tests.failover.steps import Steps, steps_of_this_process

TransactionalWriter = writer.TransactionalWriter
start, write, send = TransactionalWriter.start, TransactionalWriter.write, writer.send


def wrap(steps: Steps) -> None:
    """Make the judge of this process take steps."""
    for owner, verb, step in (
        (Leases, "start", "load/leases"),
        (ControlTail, "start", "load/controls"),
        (JudgeRecords, "stored", "load/states"),
        (Leases, "end", "lease/end"),
    ):
        wrap_method(steps, owner, verb, step)
    wrap_writer(steps)


def wrap_method(steps: Steps, owner: type, verb: str, step: str) -> None:
    """Make a method a step."""
    action = getattr(owner, verb)

    async def take(self: Any, *given: Any) -> Any:
        return await steps.await_step(step, lambda: action(self, *given))

    setattr(owner, verb, take)


def wrap_writer(steps: Steps) -> None:
    """Make what the judge's writer does steps; those of others are left as they are."""
    kinds: Counter[str] = Counter()

    async def started(self: Any) -> None:
        if not _is_judges(self):
            return await start(self)
        return await steps.await_step("load/fence", lambda: start(self))

    async def written(self: Any, first: Any, last: Any = ()) -> None:
        if not _is_judges(self):
            return await write(self, first, last)
        kind = "decision" if last else "state"
        kinds[kind] += 1
        step = f"{kind}/{kinds[kind]}/transaction"
        return await steps.await_step(step, lambda: write(self, first, last))

    async def sent(producer: Any, record: Any) -> Any:
        kind = next((k for k in ("judge-state", "decisions") if record.topic.endswith(k)), None)
        if kind is None:
            return await send(producer, record)
        step = f"sent/{kind}/{kinds['decision']}"
        return await steps.await_step(step, lambda: send(producer, record))

    TransactionalWriter.start = started  # type: ignore[method-assign]
    TransactionalWriter.write = written  # type: ignore[method-assign]
    writer.send = sent


def _is_judges(one: Any) -> bool:
    return "-judge-" in one._id


if __name__ == "__main__":
    wrap(steps_of_this_process())
    app()
