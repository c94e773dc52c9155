"""What goes between davy and AWS, for whoever listens: botocore's own events, in every session."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS

ASKED = "davy-test-parameters"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it was made, before it is put into bytes."""

    service: str
    operation: str
    parameters: dict[str, Any]
    model: Any
    """botocore's model of the operation."""


Answer = tuple[int, dict[str, Any]]
"""Status, and what botocore would have read from the answer."""
Listener = Callable[[Call], Answer | None]
"""Answers a call in the service's place, or lets it pass."""


@dataclass(frozen=True)
class Status:
    status_code: int
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, message: str = "as told") -> Answer:
    """What a service answers that refuses."""
    return status, {"Error": {"Code": code, "Message": message}}


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Let listeners hear every call of sessions that are made meanwhile, the first one first."""

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[ASKED] = copy.deepcopy(params)

    def pass_on(model: Any, context: dict[str, Any], **_: Any) -> tuple[Status, Any] | None:
        call = Call(
            service=model.service_model.service_name,
            operation=model.name,
            parameters=context[ASKED],
            model=model,
        )
        for listener in listeners:
            answer = listener(call)
            if answer is not None:
                status, parsed = answer
                meta = {"ResponseMetadata": {"HTTPStatusCode": status}}
                return Status(status), parsed | meta
        return None

    with ExitStack() as hooks:
        hooks.enter_context(hooked("provide-client-params", remember))
        hooks.enter_context(hooked("before-call", pass_on))
        yield


@contextmanager
def hooked(event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Put a handler of a botocore event in front of all others, in sessions made meanwhile."""
    entry = (event, handler)
    BUILTIN_HANDLERS.insert(0, entry)
    try:
        yield
    finally:
        BUILTIN_HANDLERS.remove(entry)
