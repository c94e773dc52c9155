"""Each role may do what its job needs, and nothing else: everything is tried, on Apache Kafka."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import pairwise

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from infra.rigs.secured import WAYS, Secured
from streams import acls
from streams.cli.main import run
from streams.settings import Settings
from streams.topics import create_topics, topic_plans
from tests.security.probe import Attempts, Probe

pytestmark = pytest.mark.timeout(180)

TOPICS = {plan.name for plan in topic_plans(Settings())}
EVENTS = {"predictions", "outcomes", "resources"}
STEERING = {"rollouts", "commands"}
TOLD = {"decisions", "leases", "routing"}
STATE = {"cells", "panes", "judge-state"}

# What a role does, said once more and in other words than in infra/acls/.
READS = {
    "worker": EVENTS | STEERING | TOLD | STATE,
    "actuator": STEERING | TOLD,
    "notify": STEERING | {"decisions", "routing"},
    "page": STEERING | TOLD | {"panes"},
    "auditor": STEERING | TOLD | {"panes", "judge-state"},
    "operator": {"rollouts"} | TOLD,
}
WRITES = {
    "publisher": {"predictions", "outcomes"},
    "exporter": {"resources"},
    "worker": STATE | {"decisions", "leases", "dead-letters"},
    "actuator": {"routing"},
    "operator": STEERING,
}
SEES_ALL = {"worker", "actuator", "notify", "auditor", "operator"}
"""Roles that check topics: their counts and settings."""
ROLES = ("publisher", "exporter", "worker", "actuator", "notify", "page", "auditor", "operator")
GROUPS = {
    "davy": {"worker"},
    "davy-actuator": {"actuator"},
    "davy-notify-ops": {"notify"},
    "davy-b": set[str](),
}
"""Group -> who joins it."""
ASKS_FOR_GROUP = {"worker", "page", "auditor", "operator"}
IDS = {
    "davy-predictions-0": "worker",
    "davy-resources-1": "worker",
    "davy-judge-0": "worker",
    "davy-actuator-0": "actuator",
}
"""Transactional id -> who writes under it."""
OTHER_IDS = {"davy-b-judge-0", "davy-0", "judge-0"}
OTHERS = {"b-predictions", "b-decisions", "predictions2"}
"""Topics of another deployment, and one whose name begins like one of ours."""
OPERATIONS = ("Read", "Write", "Create", "Delete", "Alter", "AlterConfigs")
CLUSTER = (
    *("grant", "see grants", "create any topic", "delete a user"),
    *("see the broker's settings", "alter the broker's settings"),
)


def allowed(role: str, topic: str) -> set[str]:
    """Operations that the role's job needs on the topic."""
    reads, writes = topic in READS.get(role, ()), topic in WRITES.get(role, ())
    found = {"Read"} if reads else set()
    found |= {"Write"} if writes else set()
    found |= {"Create"} if role == "operator" else set()
    found |= {"Describe", "DescribeConfigs"} if role in SEES_ALL else set()
    return found | ({"Describe"} if reads or writes else set())


def expected(role: str, prefix: str) -> Iterator[tuple[tuple[str, str, str], bool]]:
    every = (*OPERATIONS, "Describe", "DescribeConfigs")
    for topic in TOPICS:
        for operation in every:
            yield ("topic", prefix + topic, operation), operation in allowed(role, topic)
    for topic in OTHERS:
        for operation in every:
            yield ("topic", prefix + topic, operation), False
    for group, members in GROUPS.items():
        sees = role in members or (group == "davy" and role in ASKS_FOR_GROUP)
        yield ("group", prefix + group, "Read"), role in members
        yield ("group", prefix + group, "Describe"), sees
        yield ("group", prefix + group, "Delete"), False
    for name in {*IDS, *OTHER_IDS}:
        yield ("transactional-id", prefix + name, "Write"), IDS.get(name) == role
    for what in CLUSTER:
        yield ("cluster", what, "do"), False


@pytest.fixture(scope="module")
def prefix(secured: Secured) -> str:
    """Topics of two deployments, on the first of which each role has its rights."""
    ours = Settings(bootstrap=secured.admin, prefix="rights-", group="rights-davy")
    create_topics(ours)
    create_topics(ours.model_copy(update={"prefix": "rights-b-"}))
    for name in ROLES:
        acls.apply(acls.role(name, ours), [f"User:{name}"], ours)
    return ours.prefix


def attempts(secured: Secured, way: str, role: str, prefix: str) -> Attempts:
    settings = Settings(
        bootstrap=secured.bootstrap(way),
        prefix=prefix,
        group=f"{prefix}davy",
        kafka=secured.properties(way, role),
    )
    probe = Probe(settings)
    return (
        probe.topics([prefix + topic for topic in sorted(TOPICS | OTHERS)])
        | probe.groups([prefix + group for group in GROUPS], prefix + "rollouts")
        | probe.transactional_ids([prefix + name for name in sorted({*IDS, *OTHER_IDS})])
        | probe.cluster(f"User:{role}")
    )


class TestRights:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("role", ROLES)
    def test_its_job_and_nothing_else(
        self, secured: Secured, prefix: str, way: str, role: str
    ) -> None:
        """Every operation on every topic, group, transactional id and on the cluster."""
        assert attempts(secured, way, role, prefix) == dict(expected(role, prefix))

    def test_every_role_is_tried(self) -> None:
        """A new file in infra/acls/ must be tried here too."""
        assert acls.role_names() == tuple(sorted(ROLES))


class TestCommands:
    def test_apply_grants_what_show_says(
        self, secured: Secured, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The lines for Kafka's own tool, and what the broker then holds, are the same rights."""
        place = ["--bootstrap", secured.admin, "--prefix", "cli-"]
        for command in (["show", "worker"], ["apply", "--role", "worker"]):
            with pytest.raises(SystemExit) as end:
                run(["acls", *command, "--principal", "User:cli", *place])
            assert not end.value.code
        *lines, said = capsys.readouterr().out.splitlines()
        shown = {right for line in lines for right in rights_of(line)}
        assert said == f"worker: {len(shown)} rights for User:cli"
        mine = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, "User:cli", None,
            AclOperation.ANY, AclPermissionType.ALLOW,
        )  # fmt: skip
        admin = AdminClient({"bootstrap.servers": secured.admin})
        held = {
            (acl.restype.name, acl.name, acl.resource_pattern_type.name, acl.operation.name)
            for acl in admin.describe_acls(mine).result(20)
        }
        assert held == shown

    @pytest.mark.parametrize(
        ("role", "principal", "told"),
        [
            ("workr", "User:w", "there is no role `workr`; did you mean `worker`?"),
            ("worker", "w", "--principal: `w` is none; write `User:name`"),
            ("worker", "User:", "--principal: `User:` is none"),
        ],
    )
    def test_typing_errors_are_told(
        self, role: str, principal: str, told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Before the broker is asked."""
        with pytest.raises(SystemExit):
            run(["acls", "apply", "--role", role, "--principal", principal])
        assert told in capsys.readouterr().err


def rights_of(line: str) -> Iterator[tuple[str, str, str, str]]:
    """(kind, name, pattern, operation) of a line for kafka-acls.sh."""
    words = shlex.split(line)
    said = [*pairwise(words)]
    pattern = "PREFIXED" if ("--resource-pattern-type", "prefixed") in said else "LITERAL"
    ((kind, name),) = (pair for pair in said if pair[0].removeprefix("--") in [*acls.Kind])
    for flag, operation in said:
        if flag == "--operation":
            upper = acls.Operation(operation).name
            yield kind.removeprefix("--").replace("-", "_").upper(), name, pattern, upper
