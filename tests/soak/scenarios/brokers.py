"""Brokers that die, leave, freeze and are cut off from each other."""

from __future__ import annotations

import time

from infra.rigs.cluster import Node
from tests.soak.facts import Need, Scenario
from tests.soak.stage import Stage

CLUSTER = frozenset({Need.CLUSTER})
UNAVAILABLE_S = 4.0
FROZEN_S = 8.0
"""Twice the time after which the others miss a node."""
MISLED_S = 300.0
"""A broker that is cut off still tells its clients who leads, as it was before. aiokafka asks any
broker and cannot tell old answers from new ones, and each old one costs it a request's time."""


def leader(stage: Stage) -> Node:
    """The node that leads a partition of predictions."""
    number = stage.dice.randrange(stage.settings.source_partitions)
    return stage.kafka.leader(stage.settings.topic("predictions"), number)


def back(stage: Stage, *nodes: Node) -> None:
    """Start nodes again, and let them catch up before anything else happens."""
    for node in nodes:
        node.start(wait=False)
    for node in nodes:
        node.wait_ready()
    stage.kafka.wait_whole()


def bounced_hard(stage: Stage) -> None:
    fault = stage.fault("SIGKILL of a broker")
    node = stage.dice.choice(stage.kafka.nodes)
    node.kill()
    back(stage, node)
    stage.await_progress(fault)


def bounced_clean(stage: Stage) -> None:
    fault = stage.fault("a broker stops and starts")
    node = stage.dice.choice(stage.kafka.nodes)
    node.stop()
    back(stage, node)
    stage.await_progress(fault)


def leader_killed(stage: Stage) -> None:
    """The two that are left go on, before the third is back."""
    node = leader(stage)
    fault = stage.fault("SIGKILL of a leader")
    node.kill()
    stage.await_progress(fault)
    back(stage, node)


def two_killed(stage: Stage) -> None:
    """With one node left nothing is acknowledged, so nothing may be counted."""
    left = stage.dice.choice(stage.kafka.nodes)
    gone = [node for node in stage.kafka.nodes if node is not left]
    fault = stage.fault("SIGKILL of two of three")
    for node in gone:
        node.kill()
    stage.until_s(time.monotonic() + UNAVAILABLE_S)
    back(stage, *gone)
    stage.await_progress(fault)


def leader_frozen(stage: Stage) -> None:
    node = leader(stage)
    fault = stage.fault("SIGSTOP of a leader")
    node.pause()
    stage.until_s(time.monotonic() + FROZEN_S)
    stage.await_progress(fault)
    node.resume()
    stage.kafka.wait_whole()
    stage.await_progress()


def leader_isolated(stage: Stage) -> None:
    """Its clients reach it still, but it leads nobody any more."""
    node = leader(stage)
    fault = stage.fault("a leader cut off from the other brokers")
    stage.kafka.isolate(node)
    stage.await_progress(fault, deadline_s=MISLED_S)
    stage.kafka.rejoin()
    stage.kafka.wait_whole()
    stage.await_progress()


SCENARIOS = (
    Scenario(
        name="broker-killed",
        says="A broker is killed and started again; where it is the only one, nothing goes on.",
        inject=bounced_hard,
        seconds=30,
    ),
    Scenario(
        name="broker-restarted",
        says="A broker stops in order and starts again.",
        inject=bounced_clean,
        seconds=30,
    ),
    Scenario(
        name="leader-killed",
        says="One of three brokers is killed and stays away until the others go on.",
        inject=leader_killed,
        needs=CLUSTER,
        seconds=35,
    ),
    Scenario(
        name="two-brokers-killed",
        says="Two of three brokers are away for a while: nothing is acknowledged meanwhile.",
        inject=two_killed,
        needs=CLUSTER,
        seconds=40,
    ),
    Scenario(
        name="broker-frozen",
        says="A leading broker is stopped (SIGSTOP) for longer than its session, then goes on.",
        inject=leader_frozen,
        needs=CLUSTER,
        seconds=40,
    ),
    Scenario(
        name="broker-isolated",
        says="A leading broker is cut off from the others, not from its clients.",
        inject=leader_isolated,
        needs=CLUSTER,
        seconds=40,
    ),
)
