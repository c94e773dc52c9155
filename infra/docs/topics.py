"""What is there to tell of every topic? One list for pages, AsyncAPI and the Kafka UI preset.

Made of what davy runs by: the plans of `davy topics create`, the schemas, the headers that are
written, and the roles of `infra/acls/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streams import acls
from streams.settings import Settings
from streams.topics import TopicPlan, topic_plans
from streams.wire.catalogue import DEAD_LETTER, DEAD_LETTER_KEY
from streams.wire.envelope import Header, headers_of
from streams.wire.schemas import SUBJECTS, Schema, Subject, load_schema

ROOT = Path(__file__).resolve().parents[2]
# Of the code alone: no file and no variable of whoever runs this has a word.
DEFAULTS = Settings.model_construct()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One kind of process or person, as in `infra/acls/`."""

    name: str
    does: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic without prefix, and all that is known of it."""

    plan: TopicPlan
    subject: Subject | None
    """None: raw bytes."""
    key: str
    what: str
    headers: tuple[Header, ...]
    writers: tuple[Role, ...]
    readers: tuple[Role, ...]

    @property
    def name(self) -> str:
        """Name of the topic."""
        return self.plan.name

    @property
    def schema(self) -> Schema | None:
        """The Avro schema of its values; None: raw bytes."""
        return None if self.subject is None else load_schema(self.subject.schema)

    @property
    def record(self) -> str:
        """What a record of it is called."""
        return "DeadLetter" if self.schema is None else str(self.schema["name"])


@cache
def topics() -> tuple[Topic, ...]:
    """Every topic of the design, with davy's default settings."""
    return tuple(_topic(plan) for plan in topic_plans(DEFAULTS))


def _topic(plan: TopicPlan) -> Topic:
    subject = SUBJECTS.get(plan.name)
    return Topic(
        plan=plan,
        subject=subject,
        key=DEAD_LETTER_KEY if subject is None else subject.key,
        what=DEAD_LETTER if subject is None else load_schema(subject.schema)["doc"],
        headers=headers_of(plan.name),
        writers=tuple(_who(plan.name, acls.Operation.WRITE)),
        readers=tuple(_who(plan.name, acls.Operation.READ)),
    )


def _who(topic: str, operation: acls.Operation) -> list[Role]:
    roles = (acls.role(name, DEFAULTS) for name in acls.role_names())
    return [
        Role(name=role.name, does=role.does)
        for role in roles
        for grant in role.grants
        if grant.kind is acls.Kind.TOPIC and grant.name == topic and operation in grant.operations
    ]
