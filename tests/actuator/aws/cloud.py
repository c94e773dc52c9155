"""One resource of AWS under test, and davy's calls to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest

from streams.actuator.ports import Segments
from streams.actuator.routers.aws.client import _loader
from tests.actuator.aws.strict import keeps_to_the_model
from tests.actuator.aws.wires import Answer, Call, Listener, listening

REGION = "eu-west-1"
ARMS = ("baseline", "candidate")
NAMES = {"baseline": "v1", "candidate": "v2"}


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One resource that shares traffic."""

    router: str
    options: dict[str, Any]
    interfere: Callable[[Segments], None]
    """What a stranger does to the weights."""
    aws: Any
    """A client of the service, for looking behind davy's back."""
    calls: list[Call] = field(default_factory=list)
    """Those of davy."""

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of davy's calls of an operation."""
        return [call.parameters for call in self.calls if call.operation == operation]


def client(service: str) -> Any:
    """A client that nobody listens to, unless it is made while somebody does."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _loader())
    return session.create_client(service, region_name=REGION)


@contextmanager
def watched(cloud: Cloud, *checks: Listener, before: Listener | None) -> Iterator[Cloud]:
    """davy's calls are noted, and go by `before`, the service's model and the checks."""

    def note(call: Call) -> Answer | None:
        cloud.calls.append(call)
        return None

    first = () if before is None else (before,)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        with listening(note, *first, keeps_to_the_model, *checks):
            yield cloud
