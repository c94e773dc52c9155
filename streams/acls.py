"""Who may do what at the broker? One file per role in `infra/acls/`, with the least that works.

A file names topics without prefix; `{group}` is the settings' consumer group, `*` at the end of a
name makes it a prefix. Read, Write and Create are Kafka's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streams.errors import LogError, SettingsError
from streams.settings import Settings
from streams.topics import topic_plans
from streams.yaml_lines import did_you_mean

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "_acls", _PACKAGE.parent / "infra" / "acls")
ANSWER_S = 15.0
EVERYWHERE = "*"


class Operation(StrEnum):
    """What a role may do; Read and Write include Describe."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"


class Kind(StrEnum):
    """Of what; the value is the flag of kafka-acls.sh."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


Grants = dict[str, Annotated[tuple[Operation, ...], Field(min_length=1)]]


class _Role(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    does: str
    topics: Grants
    groups: Grants = {}
    transactional_ids: Grants = {}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Grant:
    """Operations on one resource, or on all whose names begin with it."""

    kind: Kind
    name: str
    prefixed: bool
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What one kind of process or person may do, with these settings' prefix and group."""

    name: str
    does: str
    grants: tuple[Grant, ...]


def role_names() -> tuple[str, ...]:
    """Every role that has a file."""
    return tuple(sorted(path.stem for path in _folder().glob("*.yaml")))


def role(name: str, settings: Settings) -> Role:
    """The role's file, with its topics and group named as these settings name them.

    Raises:
        SettingsError: there is no such role, or its file makes no sense.
    """
    if name not in role_names():
        raise SettingsError(
            f"--role: there is no role `{name}`; {did_you_mean(name, role_names())}"
        )
    path = _folder() / f"{name}.yaml"
    try:
        found = _Role.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as failure:
        raise SettingsError(f"{path}: {failure}; infra/acls/README.md says what it holds") from None
    known = {plan.name for plan in topic_plans(settings)}
    if unknown := {topic for topic in found.topics if settings.topic(topic) not in known}:
        raise SettingsError(f"{path}: davy has no topic {', '.join(sorted(unknown))}")
    return Role(name=name, does=found.does, grants=tuple(_grants(found, settings)))


def _folder() -> Path:
    for place in _PLACES:
        if (place / "worker.yaml").is_file():
            return place
    looked = " and ".join(str(place) for place in _PLACES)
    raise SettingsError(f"no roles in {looked}; install davy again")


def _grants(found: _Role, settings: Settings) -> Iterator[Grant]:
    named = {settings.topic(topic): operations for topic, operations in found.topics.items()}
    yield from _of_kind(Kind.TOPIC, named)
    for kind, grants in (
        (Kind.GROUP, found.groups),
        (Kind.TRANSACTIONAL_ID, found.transactional_ids),
    ):
        filled = {name.format(group=settings.group): word for name, word in grants.items()}
        yield from _of_kind(kind, filled)


def _of_kind(kind: Kind, grants: Mapping[str, tuple[Operation, ...]]) -> Iterator[Grant]:
    for name, operations in grants.items():
        yield Grant(
            kind=kind,
            name=name.removesuffix("*"),
            prefixed=name.endswith("*"),
            operations=operations,
        )


def command_lines(role: Role, principal: str, bootstrap: str) -> Iterator[str]:
    """The role as lines of Kafka's own tool, one a resource."""
    begin = f"kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal '{principal}'"
    for grant in role.grants:
        words = " ".join(f"--operation {operation}" for operation in grant.operations)
        pattern = " --resource-pattern-type prefixed" if grant.prefixed else ""
        yield f"{begin} {words} --{grant.kind} '{grant.name}'{pattern}"


def apply(role: Role, principals: Sequence[str], settings: Settings) -> int:
    """Add what the role may do to what each principal may; returns how many rights that is.

    Raises:
        SettingsError: a principal is not written as Kafka writes them.
        LogError: the broker refuses: it has no authorizer, or this user may not alter the cluster.
    """
    for principal in principals:
        if not principal.removeprefix("User:") or not principal.startswith("User:"):
            raise SettingsError(f"--principal: `{principal}` is none; write `User:name`")
    bindings = [binding for each in principals for binding in _bindings(role, each)]
    try:
        admin = AdminClient(settings.confluent())  # its answers need it until they are there
        for answer in admin.create_acls(bindings, request_timeout=ANSWER_S).values():
            answer.result(ANSWER_S)
    except KafkaException as failure:
        raise LogError(
            f"the broker at {settings.bootstrap} takes no ACL: {failure.args[0].str()}; it needs "
            "an authorizer (authorizer.class.name), and you the right to alter the cluster"
        ) from failure
    return len(bindings)


def _bindings(role: Role, principal: str) -> Iterator[AclBinding]:
    for grant in role.grants:
        pattern = ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL
        for operation in grant.operations:
            yield AclBinding(
                ResourceType[grant.kind.name],
                grant.name,
                pattern,
                principal,
                EVERYWHERE,
                AclOperation[operation.name],
                AclPermissionType.ALLOW,
            )
