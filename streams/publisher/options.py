"""How is a publisher set up? Refused at start-up, in words, never on the request path."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

from confluent_kafka import KafkaException, Producer

from streams.errors import SettingsError
from streams.property_names import dotted
from streams.publisher.drafts import MAX_TEXT
from streams.publisher.users import UserHash
from streams.secret_files import secret, secret_properties, without_credentials

Property: TypeAlias = str | int | float | bool
Idempotence: TypeAlias = Literal["auto", "on", "off"]
PREFIX = "DAVY_"
YES, NO = frozenset({"true", "1", "yes", "on"}), frozenset({"", "false", "0", "no", "off"})
METADATA_MS = 5_000
"""How old the view of the cluster may be: a broker that is cut off answers as if it still led."""
OWNED = {
    "bootstrap.servers": "set `bootstrap`",
    "metadata.broker.list": "set `bootstrap`",
    "partitioner": "leave it out: the join of outcomes needs murmur2_random",
    "transactional.id": "leave it out: the publisher writes outside transactions",
    "enable.idempotence": "set `idempotence`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A Confluent-compatible schema registry.

    `basic_auth` is `user:password`, or `file:` and the path of a file that holds it.
    """

    url: str
    basic_auth: str | None = field(default=None, repr=False)
    ssl_ca: str | None = None
    ssl_certificate: str | None = None
    ssl_key: str | None = None
    timeout_s: float = 3.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = without_credentials(self.url)
            raise SettingsError(f"registry: {shown!r} is no address; write https://registry:8081")
        if self.basic_auth is not None:
            object.__setattr__(self, "basic_auth", secret("registry.basic_auth", self.basic_auth))

    @classmethod
    def parse(cls, url: str) -> Self:
        """From a URL; `https://user:password@host` names the credentials too."""
        parts = urlsplit(url)
        if parts.username is None:
            return cls(url=url.rstrip("/"))
        auth = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return cls(url=bare.rstrip("/"), basic_auth=auth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything a publisher needs to know.

    A secret (`user_key`, passwords under `kafka`, `basic_auth`) may be `file:` and a path.

    Raises:
        SettingsError: something that cannot work, with what to write instead.
    """

    bootstrap: str
    service: str
    model_version: str
    registry: Registry | None = None
    """None: the ids shipped with davy, for sites without a registry."""
    prefix: str = ""
    kafka: Mapping[str, Property] = field(default_factory=dict, repr=False)
    buffer_records: int = 50_000
    buffer_bytes: int = 64 * 2**20
    tick_ms: float = 200.0
    """How often records leave the buffer: seldom, for each batch costs its service and its readers
    as much as many events. A pane waits for it, beside seconds of lateness."""
    report_s: float = 30.0
    """At most one log line about losses in this time."""
    close_s: float = 5.0
    """Deadline of the flush when the process ends."""
    idempotence: Idempotence = "auto"
    """auto: on, except on the embedded broker."""
    user_key: str | None = field(default=None, repr=False)
    """One secret for all publishers of a deployment: users leave as hashes under it."""
    traces: bool = False
    """Whether records name the OpenTelemetry trace of their request, if that is sampled
    (`davy[otel]`)."""

    def __post_init__(self) -> None:
        self._check_names()
        for name in ("buffer_records", "buffer_bytes", "tick_ms", "report_s"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name}: must be above 0, got {getattr(self, name)!r}")
        if self.idempotence not in ("auto", "on", "off"):
            raise SettingsError(f"idempotence: auto, on or off, got {self.idempotence!r}")
        for key in self.kafka:
            if key in OWNED:
                raise SettingsError(f"kafka: {key} is not set here; {OWNED[key]}")
        object.__setattr__(self, "kafka", secret_properties(self.kafka))
        if self.user_key is not None:
            object.__setattr__(self, "user_key", secret("user_key", self.user_key))
        UserHash(self.user_key)
        self._try_out()

    def _check_names(self) -> None:
        for name in ("bootstrap", "service", "model_version"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise SettingsError(
                    f"{name}: must be a text that is not empty; pass it or set {PREFIX}"
                    f"{name.upper()}"
                )
            if name != "bootstrap" and len(value) > MAX_TEXT:
                raise SettingsError(
                    f"{name}: must have at most {MAX_TEXT} characters, got {len(value)}"
                )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Self:
        """From `DAVY_BOOTSTRAP`, `DAVY_SERVICE`, ...; what is `given` wins."""
        env = os.environ if environ is None else environ
        found: dict[str, Any] = {
            name: env[PREFIX + name.upper()]
            for name in ("bootstrap", "service", "model_version", "prefix", "user_key")
            if PREFIX + name.upper() in env
        }
        found["kafka"] = _kafka(env)
        found["registry"] = _registry(env)
        found["traces"] = _flag(env, "TRACES")
        found = {"bootstrap": "localhost:9092", "service": "", "model_version": ""} | found
        return cls(**found | {name: value for name, value in given.items() if value is not None})

    def topic(self, name: str) -> str:
        """Full name of a topic."""
        return self.prefix + name

    def confluent(self, *, idempotent: bool) -> dict[str, Property]:
        """Configuration of a producer, callbacks aside; `kafka` overrides all but what is owned."""
        return {
            "client.id": f"davy-publisher-{self.service}",
            "acks": "all",
            "compression.type": "zstd",
            "linger.ms": 5,
            "message.timeout.ms": 60_000,
            "queue.buffering.max.messages": self.buffer_records,
            "queue.buffering.max.kbytes": max(1, self.buffer_bytes // 1024),
            "socket.keepalive.enable": True,
            "topic.metadata.refresh.interval.ms": METADATA_MS,
            "log_level": 2,  # losses are reported by the publisher itself
            **self.kafka,
            "bootstrap.servers": self.bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": idempotent,
            "delivery.report.only.error": True,
        }

    def _try_out(self) -> None:
        """Let librdkafka read the configuration once, without connecting to anything."""
        conf = self.confluent(idempotent=self.idempotence != "off")
        del conf["bootstrap.servers"]
        try:
            Producer(conf)
        except (KafkaException, ValueError, TypeError) as failure:
            problem = failure.args[0] if failure.args else failure
            text = problem.str() if hasattr(problem, "str") else problem
            raise SettingsError(f"kafka: {text}; see librdkafka's CONFIGURATION.md") from failure


def _flag(env: Mapping[str, str], name: str) -> bool:
    """`true` or `false`; false where it is not set."""
    text = env.get(PREFIX + name, "").lower()
    if text in YES | NO:
        return text in YES
    raise SettingsError(f"environment {PREFIX}{name}: {text!r} is neither true nor false")


def _kafka(env: Mapping[str, str]) -> dict[str, str]:
    """`DAVY_KAFKA` as JSON, `DAVY_KAFKA__SASL_USERNAME` for one property."""
    name = f"{PREFIX}KAFKA"
    try:
        whole = json.loads(env.get(name) or "{}")
    except ValueError as failure:
        raise SettingsError(f"environment {name}: {failure}; write it as JSON") from failure
    if not isinstance(whole, dict):
        raise SettingsError(f"environment {name}: write a JSON object of librdkafka properties")
    single = {
        dotted(key.removeprefix(f"{name}__")): value
        for key, value in env.items()
        if key.startswith(f"{name}__")
    }
    return {str(key): value for key, value in whole.items()} | single


def _registry(env: Mapping[str, str]) -> Registry | None:
    name = f"{PREFIX}REGISTRY__"
    url = env.get(f"{name}URL")
    if not url:
        return None
    parsed = Registry.parse(url)
    return Registry(
        url=parsed.url,
        basic_auth=env.get(f"{name}BASIC_AUTH") or parsed.basic_auth,
        ssl_ca=env.get(f"{name}SSL_CA"),
        ssl_certificate=env.get(f"{name}SSL_CERTIFICATE"),
        ssl_key=env.get(f"{name}SSL_KEY"),
    )
