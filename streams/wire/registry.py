"""How do schema ids come from a registry with Confluent's API?

What was found stays for ever (ids are immutable); what was not found stays for a short while in a
bounded list, so that garbage with random ids cannot hammer the registry. A replica that lags behind
does not know the newest ids: who asks for a grace waits for them a little. Needs the server extra.
"""

from __future__ import annotations

import math
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from streams.errors import RegistryAway, RegistryError
from streams.extras import lacking
from streams.wire.reasons import BadRecord, Reason

try:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
    from confluent_kafka.schema_registry.schema_registry_client import (
        ConfigCompatibilityLevel,
        ServerConfig,
    )
except ImportError as failure:
    raise RegistryError(lacking("the client of schema registries", "server")) from failure

if TYPE_CHECKING:
    from streams.access_settings import RegistrySettings

_NO_SUCH_SCHEMA = 40403
_NO_SUCH = (40401, 40402, _NO_SUCH_SCHEMA)
_NO_LEVEL = 40408
TOO_MANY, SERVER_ERROR = 429, 500
"""HTTP's status codes."""
GRACE_EVERY_S = 60.0
_ABSENT_S = 30.0
_ABSENT_IDS = 4096


class Grace:
    """Stretches of time in which an id that is not there yet counts as not answered for.

    At most one a minute: whoever floods a topic with ids that he made up holds up little.

    >>> now = iter([0.0, 2.0, 3.0, 59.0, 60.0])
    >>> grace = Grace(2.5, lambda: next(now))
    >>> [grace.granted() for _ in range(5)]
    [True, True, False, False, True]
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = seconds, clock
        self._until = self._next = -math.inf

    def granted(self) -> bool:
        """Whether one goes on, or may begin."""
        now = self._clock()
        if now >= self._next:
            self._until, self._next = now + self._seconds, now + GRACE_EVERY_S
        return now < self._until


class RegistrySchemaStore:
    """SchemaStore on a registry; see there for what each method promises."""

    def __init__(
        self,
        access: RegistrySettings,
        clock: Callable[[], float] = time.monotonic,
        grace_s: float = 0.0,
    ) -> None:
        self.failures = 0
        self._url = access.url or ""
        self._client = _client(access)
        # The port has no close: connections end with the store that opened them.
        weakref.finalize(self, self._client.close)
        self._clock = clock
        self._grace = Grace(grace_s, clock)
        self._ids: dict[tuple[str, str], int] = {}
        self._texts: dict[int, str] = {}
        self._absent: OrderedDict[int, float] = OrderedDict()

    def register(self, subject: str, schema_json: str, compatibility: str) -> int:
        """Set the subject's level, then register; both are idempotent."""
        again = partial(self.register, subject, schema_json, compatibility)
        with self._asking(f"register {subject} ({compatibility})", again):
            self._client.set_config(subject, _level(compatibility))
            return int(self._client.register_schema(subject, Schema(schema_json, "AVRO")))

    def id_of(self, subject: str, schema_json: str) -> int:
        """Asked once per schema."""
        key = (subject, schema_json)
        if key not in self._ids:
            again = partial(self.id_of, subject, schema_json)
            with self._asking(f"find our schema under {subject}", again):
                found = self._client.lookup_schema(subject, Schema(schema_json, "AVRO"))
            self._ids[key] = int(found.schema_id or 0)
        return self._ids[key]

    def schema(self, schema_id: int) -> str:
        """Asked once per id that is there, twice a minute per id that is not."""
        if schema_id not in self._texts:
            self._refuse_absent(schema_id)
            self._texts[schema_id] = self._fetch(schema_id)
        return self._texts[schema_id]

    def versions(self, subject: str) -> dict[int, str]:
        """Asked anew each time: it is for deploys."""
        with self._asking(f"list the versions of {subject}", partial(self.versions, subject)):
            none: list[int] = []
            numbers = _unless_absent(partial(self._client.get_versions, subject), none)
            found = [self._client.get_version(subject, number) for number in sorted(numbers)]
        return {int(one.schema_id or 0): one.schema.schema_str or "" for one in found}

    def level(self, subject: str) -> str | None:
        """The level set for the subject; None where only the registry's own holds."""
        with self._asking(f"read the compatibility of {subject}", partial(self.level, subject)):
            found = _unless_absent(partial(self._client.get_config, subject), None)
        level = found and (found.compatibility_level or found.compatibility)
        return str(level.value) if level else None

    def _fetch(self, schema_id: int) -> str:
        try:
            with self._asking(f"fetch schema {schema_id}", partial(self.schema, schema_id)):
                found = self._client.get_schema(schema_id)
        except RegistryError as failure:
            if _code(failure) == _NO_SUCH_SCHEMA:
                if self._grace.granted():
                    message = f"{self._url} has no schema {schema_id} yet; a replica may lag behind"
                    raise RegistryAway(message, partial(self.schema, schema_id)) from failure
                self._remember_absent(schema_id)
                self._refuse_absent(schema_id)
            raise
        if found.schema_type != "AVRO" or not found.schema_str:
            raise BadRecord(Reason.WRONG_SCHEMA, f"id {schema_id} is {found.schema_type}, not Avro")
        return found.schema_str

    def _remember_absent(self, schema_id: int) -> None:
        self._absent[schema_id] = self._clock() + _ABSENT_S
        if len(self._absent) > _ABSENT_IDS:
            self._absent.popitem(last=False)

    def _refuse_absent(self, schema_id: int) -> None:
        if self._clock() < self._absent.get(schema_id, float("-inf")):
            raise BadRecord(Reason.UNKNOWN_SCHEMA, f"id {schema_id} is not in {self._url}")
        self._absent.pop(schema_id, None)

    @contextmanager
    def _asking(self, what: str, again: Callable[[], object]) -> Iterator[None]:
        where = f"schema registry {self._url}: cannot {what}"
        try:
            yield
        except SchemaRegistryError as failure:
            self.failures += failure.error_code != _NO_SUCH_SCHEMA
            message = f"{where}: {failure}; {_next_step(failure)}"
            if _is_ill(failure):
                raise RegistryAway(message, again) from failure
            raise RegistryError(message) from failure
        except Exception as failure:
            # Transport errors are of the client's HTTP library, which differs by its version.
            self.failures += 1
            step = "check registry.url and that it is up"
            raise RegistryAway(f"{where}: {failure!r}; {step}", again) from failure


def _client(access: RegistrySettings) -> SchemaRegistryClient:
    wanted = {
        "url": access.url,
        "basic.auth.user.info": access.basic_auth,
        "ssl.ca.location": access.ssl_ca,
        "ssl.certificate.location": access.ssl_certificate,
        "ssl.key.location": access.ssl_key,
    }
    given: dict[str, object] = {name: str(value) for name, value in wanted.items() if value}
    # The callers retry: two quick tries here keep a poll loop alive.
    retries = {"max.retries": 1, "retries.wait.ms": 100, "retries.max.wait.ms": 500}
    try:
        return SchemaRegistryClient(given | retries | {"timeout": access.timeout_s})
    except (ValueError, TypeError, OSError) as failure:
        raise RegistryError(f"schema registry {access.url}: {failure}; see registry.*") from failure


def _level(compatibility: str) -> ServerConfig:
    return ServerConfig(compatibility=ConfigCompatibilityLevel[compatibility])


Answer = TypeVar("Answer")


def _unless_absent(ask: Callable[[], Answer], absent: Answer) -> Answer:
    """The answer; `absent` where the registry says that there is no such thing."""
    try:
        return ask()
    except SchemaRegistryError as failure:
        if failure.error_code in (*_NO_SUCH, _NO_LEVEL):
            return absent
        raise


def _code(failure: RegistryError) -> int:
    cause = failure.__cause__
    return cause.error_code if isinstance(cause, SchemaRegistryError) else 0


def _is_ill(failure: SchemaRegistryError) -> bool:
    """Whether the registry has trouble of its own, or asks to come later."""
    return failure.http_status_code == TOO_MANY or failure.http_status_code >= SERVER_ERROR


def _next_step(failure: SchemaRegistryError) -> str:
    if failure.error_code in _NO_SUCH:
        return "run `davy schemas register`"
    match failure.http_status_code:
        case 401 | 403:
            return "check registry.basic_auth and its rights"
        case 404:
            return "check the path in registry.url"
        case 409 | 422:
            return "the new schema breaks the subject's compatibility; give new fields a default"
        case _:
            return "try again"
