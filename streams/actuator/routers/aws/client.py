"""How often is a call to AWS made, how long is waited for it, and what does a failure mean?

What only looks is tried three times by botocore. What changes something goes out once: whether it
is sent again is for the reconcile loop to say, after another look. Source: botocore's guide.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError

from streams.actuator.routers.aws.faults import told

CONNECT_S = 2.0
ANSWER_S = 5.0
LOOKS, CHANGES = 3, 1
"""How often a call is sent at most."""


class Client:
    """Two clients of a session of its own: a session must not be shared among threads."""

    def __init__(self, service: str, region: str | None, *, where: str) -> None:
        self._service, self._region, self._where = service, region, where
        self._session = botocore.session.get_session()
        self._session.register_component("data_loader", _loader())
        self._made: dict[int, Any] = {}

    def call(
        self, operation: str, parameters: Mapping[str, Any], *, changes: bool
    ) -> Mapping[str, Any]:
        """The answer to an operation, named as AWS and its policies name it. RouterErrors."""
        try:
            client = self._client(CHANGES if changes else LOOKS)
            answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**parameters)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            if isinstance(error, NoCredentialsError):
                self._made.clear()  # a client that found none never looks for them again
            raise told(error, f"{self._where}: {operation}") from error
        return answer

    def _client(self, attempts: int) -> Any:
        if attempts not in self._made:
            config = Config(
                connect_timeout=CONNECT_S,
                read_timeout=ANSWER_S,
                retries={"mode": "standard", "total_max_attempts": attempts},
                user_agent_extra="davy",
            )
            self._made[attempts] = self._session.create_client(
                self._service, region_name=self._region, config=config
            )
        return self._made[attempts]


@functools.cache
def _loader() -> Any:
    """AWS's models of its services; to read the one of SageMaker takes a fifth of a second."""
    return create_loader()
