"""What does the Helm chart take from the code? Topics, rights at the broker, rights in a cluster.

A chart reads no file outside of itself, so these are written into it; a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from streams.settings import Settings
from streams.topics import topic_plans

ROOT = Path(__file__).parents[2]
HEAD = "# Made by `make chart`; change what it is made of instead.\n"
RBAC = ROOT / "infra" / "kubernetes" / "rbac"
ROLES = ROOT / "infra" / "acls"
NO_ROUTERS = frozenset({"account", "look-only"})
ROLE_KINDS = frozenset({"Role", "ClusterRole"})
COUNTED = ("source_partitions", "rollout_partitions", "replication", "max_event_bytes")
FOLLOWS = ("max.message.bytes", "min.insync.replicas")
"""Of a topic's configuration: what depends on the settings, and is worked out in the chart."""
SMALL, LARGE = 1, 100_000_000
"""Bytes of an event, to see how the size of a message depends on it."""
Json = dict[str, Any]


def rights() -> dict[str, list[Json]]:
    """Router (or `ready`, `mirror`) -> rules; `named`: for the names of objects alone."""
    return {
        path.stem: [*_rules(path)]
        for path in sorted(RBAC.glob("*.yaml"))
        if path.stem not in NO_ROUTERS
    }


def _rules(path: Path) -> list[Json]:
    return [
        {
            "apiGroups": rule["apiGroups"],
            "resources": rule["resources"],
            "verbs": rule["verbs"],
            "named": "resourceNames" in rule,
            "cluster": one["kind"] == "ClusterRole",
        }
        for one in yaml.safe_load_all(path.read_text())
        if one["kind"] in ROLE_KINDS
        for rule in one["rules"]
    ]


def roles() -> dict[str, Json]:
    """Role -> what it may do at the broker, as infra/acls says; `{group}` is not filled in."""
    found = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(ROLES.glob("*.yaml"))}
    return {name: {key: role[key] for key in role if key != "does"} for name, role in found.items()}


def topics() -> Json:
    """All topics as planned, and the defaults of the settings on which they depend."""
    plain = Settings()
    small, large = (
        topic_plans(Settings(max_event_bytes=size, replication=1)) for size in (SMALL, LARGE)
    )
    (least,) = {int(plan.config["max.message.bytes"]) for plan in small}
    return {
        "defaults": {name: getattr(plain, name) for name in ("prefix", "group", *COUNTED)},
        "leastMessageBytes": least,
        "topics": [
            {
                "name": plan.name,
                "count": plan.setting,
                "events": int(plan.config["max.message.bytes"]) // LARGE,
                "config": {k: v for k, v in plan.config.items() if k not in FOLLOWS},
            }
            for plan in large
        ],
    }


def files() -> dict[str, str]:
    """Name in the chart's folder `files` -> text."""
    made = {"rights.yaml": rights(), "roles.yaml": roles(), "topics.yaml": topics()}
    return {name: f"{HEAD}{yaml.safe_dump(made[name], width=100)}" for name in made}
