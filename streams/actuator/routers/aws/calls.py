"""How does a split call its service, where boto3 may be missing? It is imported at the first call.

So a spec can be checked without a network, credentials, and the half second that boto3 takes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from streams.errors import TargetNotFound
from streams.extras import lacking

if TYPE_CHECKING:
    from streams.actuator.routers.aws.client import Client

Answer: TypeAlias = Mapping[str, Any]
"""What a service answers, as botocore reads it."""


def check_installed(router: str) -> None:
    """TargetNotFound where boto3 is not installed; nothing is imported."""
    if importlib.util.find_spec("boto3") is None:
        raise TargetNotFound(f"router {router}: {lacking('boto3', 'aws')}")


class Service:
    """One AWS service in one region, for one target. Used by one thread at a time."""

    def __init__(self, name: str, *, region: str | None, where: str) -> None:
        self._name, self._region, self._where = name, region, where

    @cached_property
    def _client(self) -> Client:
        from streams.actuator.routers.aws.client import Client  # noqa: PLC0415 - an extra

        return Client(self._name, self._region, where=self._where)

    def look(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """The answer to a call that changes nothing. RouterErrors."""
        return self._client.call(operation, parameters, changes=False)

    def write(self, operation: str, parameters: Mapping[str, Any]) -> None:
        """Make a call that changes something. RouterErrors."""
        self._client.call(operation, parameters, changes=True)
