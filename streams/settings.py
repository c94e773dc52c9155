"""Where is Kafka, and with which limits do we run?

Sources, strongest first: flags of the command line, environment `DAVY_*` (`__` between levels),
`davy.yaml` (or the file that `DAVY_CONFIG` or `--config` names), defaults.
`load_settings` is the door: it turns every mistake into a SettingsError that names its source.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from ssl import SSLContext
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from streams import secret_files, security
from streams.access_settings import RegistrySettings, Seconds, SigningSettings
from streams.errors import SettingsError
from streams.http_settings import HttpSettings, TrustedProxy
from streams.notify_settings import KINDS, NotifySettings, untagged
from streams.property_names import dotted
from streams.settings_file import PREFIX, FileSource, config_path
from streams.yaml_lines import compose_file, did_you_mean, entries, where

METADATA_MS = 5_000
"""How old a client's view of the cluster may be. A broker that is cut off from the others answers
as if it still led; who has asked only there waits until he asks another (default: minutes)."""
REQUEST_MS = 6_000
"""How long one question to a broker may take before another is asked (default: 40 s)."""
Count = Annotated[int, Field(ge=1)]
Milliseconds = Annotated[int, Field(ge=1)]
Property = str | int | float | bool


SECTIONS: Mapping[str, type[BaseModel]] = {
    "http": HttpSettings,
    "registry": RegistrySettings,
    "signing": SigningSettings,
    "notify": NotifySettings,
}
"""Settings that have settings of their own."""


class Settings(BaseSettings):
    """What every process of davy needs to know before it opens a connection."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    config: Path | None = None
    """The YAML file; None is `./davy.yaml` if there is one."""
    bootstrap: Annotated[str, Field(min_length=1)] = "localhost:9092"
    """Brokers to begin with: `host:port,host:port`."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    """In front of every topic's name."""
    group: Annotated[str, Field(min_length=1)] = "davy"
    """Consumer group of the workers; all of one site belong to one."""
    kafka: dict[str, str] = Field(default_factory=dict, repr=False)
    """librdkafka property names, for every client; security is translated for aiokafka too.

    A secret may be `file:` and the path of a file that holds it.
    """
    registry: RegistrySettings = RegistrySettings()
    signing: SigningSettings = SigningSettings()
    transactions: Literal["auto", "on", "off"] = "auto"
    """auto asks the broker once; the embedded broker has none."""
    source_partitions: Count = 4
    """Of `predictions`, `outcomes`, `resources`, `cells`: how many workers can share the events."""
    rollout_partitions: Count = 4
    """Of the topics whose key is the rollout: how many workers can share the judging."""
    replication: Count = 1
    """Of topics that `davy topics create` makes; 3 where three brokers are."""
    pane_ms: Milliseconds = 1000
    """How long a pane is, the smallest stretch of time that is judged."""
    lateness_ms: Annotated[int, Field(ge=0)] = 2000
    """How far behind the newest event of its partition an event may be; others count as late."""
    idle_ms: Milliseconds = 10_000
    """A partition without events for so long no longer holds up the others."""
    future_ms: Milliseconds = 60_000
    """How far ahead of the broker's clock an event may be; beyond, it is a dead letter."""
    dedupe: bool = True
    """Whether predictions that repeat a request id and model version count once."""
    flush_ms: Milliseconds = 2000
    """How often state is made durable where no pane has closed."""
    max_event_bytes: Count = 1_000_000
    """A larger event is a dead letter."""
    max_poll_records: Count = 50_000
    """How many records a batch holds, about: a producer's batch comes whole."""
    session_timeout_s: Seconds = 15.0
    """A worker or actuator that is silent for so long has lost its partitions."""
    heartbeat_s: Seconds = 1.0
    """How often they are heard, and hear that others come or go; at most half of the session."""
    reconcile_s: Seconds = 5.0
    """How often an actuator looks whether its targets stand where they must."""
    programs: tuple[str, ...] = ()
    """What routers `exec` and `nginx` may start on the actuator's host, as specs write it. Never a
    shell or an interpreter: whoever may apply a rollout could run anything with it."""
    webhooks: dict[str, str] = Field(default_factory=dict)
    """URL -> secret file: where router `webhook` may post to, and what signs that, as specs write
    both. Without it whoever may apply a rollout could have any address asked, with any secret."""
    instance_id: str | None = None
    """Static group membership; None joins as a new member at every start."""
    http: HttpSettings = HttpSettings()
    """Health, readiness and metrics."""
    notify: NotifySettings = NotifySettings()
    """Who is told what happens to rollouts (`davy notify`)."""
    stall_s: Seconds = 30.0
    """A partition or a target that stands still for so long, with work waiting, begins anew."""
    hang_s: Seconds = 60.0
    """A process whose main loop does not turn for so long ends, to be started again."""
    load_s: Seconds = 50.0
    """How long the stored state of the partitions may take to be read; then the worker ends."""
    traces: bool = False
    """Whether workers, actuators and publishers follow sampled traces of OpenTelemetry
    (`davy[otel]`)."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, YAML; no .env file, no secrets folder."""
        flags = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        path = config_path(flags)
        file = FileSource(settings_cls, path)
        return (init_settings, env_settings, file)

    @field_validator("kafka", mode="before")
    @classmethod
    def _property_names(cls, value: object) -> object:
        """Environment variables cannot hold dots: `DAVY_KAFKA__SASL_USERNAME` means them."""
        if not isinstance(value, Mapping):
            return value
        found = {dotted(str(key)): _property(item) for key, item in value.items()}
        # librdkafka knows `PLAIN`, not `plain`.
        capital = security.CAPITAL & found.keys()
        return found | {key: str(found[key]).upper() for key in capital}

    @field_validator("kafka")
    @classmethod
    def _secured(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            found = secret_files.secret_properties(value)
            security.check(found)
        except (security.PropertyError, secret_files.SecretError) as failure:
            context = {"key": failure.key, "problem": failure.problem}
            raise PydanticCustomError("kafka_property", "{problem}", context) from failure
        return found

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.heartbeat_s * 2 > self.session_timeout_s:
            raise ValueError("heartbeat_s: at most half of session_timeout_s; a third is usual")
        return self

    def topic(self, name: str) -> str:
        """Full name of a topic."""
        return self.prefix + name

    def confluent(self, **extra: Property) -> dict[str, Property]:
        """Configuration of a confluent-kafka client; `extra` wins."""
        own: dict[str, Property] = {
            "bootstrap.servers": self.bootstrap,
            "client.id": "davy",
            "topic.metadata.refresh.interval.ms": METADATA_MS,
        }
        return own | self.kafka | extra

    def aiokafka(self) -> dict[str, str | int | SSLContext]:
        """`bootstrap_servers`, patience and security as keyword arguments of aiokafka's clients."""
        own: dict[str, str | int | SSLContext] = {
            "bootstrap_servers": self.bootstrap,
            "metadata_max_age_ms": METADATA_MS,
            "request_timeout_ms": REQUEST_MS,
        }
        return own | security.aiokafka_security(self.kafka)


def load_settings(
    config: Path | None = None, flags: Mapping[str, object] | None = None
) -> Settings:
    """Settings from every source; flags that are None count as not given.

    Raises:
        SettingsError: `davy.yaml:3: pane_ms: ...`, with the source that said it.
    """
    given: dict[str, Any] = {n: value for n, value in (flags or {}).items() if value is not None}
    if config is not None:
        given["config"] = config
    try:
        return Settings(**given)
    except ValidationError as failure:
        raise SettingsError(_explain(failure, given)) from failure
    except SourceError as failure:
        raise SettingsError(f"environment {PREFIX}*: {failure}; write it as JSON") from failure


def _property(value: object) -> object:
    """What Python callers may write: librdkafka's values are text, its booleans in lower case."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            return value


def _explain(failure: ValidationError, flags: Mapping[str, object]) -> str:
    lines = []
    for error in failure.errors(include_input=False, include_url=False):
        path = tuple(str(part) for part in error["loc"])
        if "key" in error.get("ctx", {}):
            path = (*path, error["ctx"]["key"])
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            message = f"unknown setting; {did_you_mean(path[-1], _neighbours(path))}"
        path = untagged(path)
        name = ".".join(path)
        text = f"{name}: {message}" if name else message
        lines.append(f"{_source(path, flags)}{text[0].lower()}{text[1:]}")
    return "\n".join(lines)


def _neighbours(path: tuple[str, ...]) -> Iterable[str]:
    """What may stand where an unknown setting stands."""
    if path[:-1] == ("http", "trusted_proxy"):
        return TrustedProxy.model_fields
    if path[:2] == ("notify", "hooks") and len(path) > 4:  # noqa: PLR2004 - name, kind, field
        return KINDS[path[3]].model_fields
    return SECTIONS.get(path[0], Settings).model_fields


def _source(path: tuple[str, ...], flags: Mapping[str, object]) -> str:
    """Where the value came from, as a prefix of a message."""
    if not path:
        return ""
    if path[0] in flags:
        return f"--{path[0].replace('_', '-')}: "
    for depth in range(len(path), 0, -1):
        variable = (PREFIX + "__".join(path[:depth])).upper().replace(".", "_")
        if variable in os.environ:
            return f"environment {variable}: "
    return _line(path, flags)


def _line(path: tuple[str, ...], flags: Mapping[str, object]) -> str:
    file = config_path(flags)
    node: yaml.Node | None = None if file is None else compose_file(file, error=SettingsError)
    found = ""
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            break
        below = entries(node, what="this", error=SettingsError)
        if part not in below:
            break
        at, node = below[part]
        found = f"{where(at)}: "
    return found
