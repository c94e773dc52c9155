"""Ways to install the chart: who asks who comes, which targets, who makes topics and accounts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from infra.docs.chart_values import RIGHTS
from infra.rigs.objects import Object

Values = dict[str, Any]
Render = Callable[..., list[Object]]
"""`render(values)`: the chart's objects."""
HTTP: Values = {"http": {"secret": "davy-http"}}
SIGNED: Values = {
    "signing": {"key": {"secret": "davy-signing", "key": "a.key.pem"}, "trusted": "davy-trusted"}
}
SASL: Values = {
    "kafka": {"protocol": "SASL_SSL", "ca": {"secret": "kafka-ca"}, "mechanism": "SCRAM-SHA-512"},
    "setup": {"account": {"secret": "davy-operator"}},
    "worker": {"account": {"secret": "davy-worker", "user": "worker-of-davy"}},
    "actuator": {"account": {"secret": "davy-actuator"}},
}
CERTIFICATES: Values = {
    "kafka": {
        "protocol": "SSL",
        "ca": {"secret": "kafka-ca", "key": "ca.pem"},
        "certificateKey": "tls.crt",
        "privateKey": "tls.key",
    },
    "setup": {"account": {"secret": "davy-operator"}},
    "worker": {"account": {"secret": "davy-worker"}},
    "actuator": {"account": {"secret": "davy-actuator"}},
}
REGISTRY: Values = {
    "registry": {
        "url": "https://registry:8081",
        "auth": {"secret": "davy-registry"},
        "ca": {"secret": "registry-ca"},
    }
}
TELLING: Values = {
    "notify": {
        "enabled": True,
        "env": [
            {"name": "CI_TOKEN", "valueFrom": {"secretKeyRef": {"name": "ci", "key": "token"}}}
        ],
        "secretMounts": [{"secret": "davy-slack", "path": "/run/secrets/davy"}],
    },
    "settings": {
        "notify": {
            "hooks": {
                "ops": {"kind": "slack", "url": "file:/run/secrets/davy/slack"},
                "retrain": {"kind": "trigger", "url": "https://ci/run", "token": "env:CI_TOKEN"},
            }
        }
    },
}
STRIMZI: Values = {
    "strimzi": {
        "enabled": True,
        "cluster": "main",
        "users": [{"name": "digits", "role": "publisher"}, {"name": "ann", "role": "operator"}],
    },
    "kafka": {"protocol": "SASL_SSL", "ca": {"secret": "main-cluster-ca-cert"}},
    "settings": {
        "prefix": "shop-",
        "group": "shop-davy",
        "source_partitions": 6,
        "rollout_partitions": 3,
        "replication": 3,
        "max_event_bytes": 2_000_000,
    },
}
PEER: Values = {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}
PLACED: Values = {
    "image": {"repository": "registry.example/davy", "digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": ["pull"],
    "runAsUser": None,
    "networkPolicy": {
        "askers": [PEER],
        "egress": [{"to": [PEER], "ports": [{"protocol": "TCP", "port": 9092}]}],
    },
    "worker": {
        "replicas": 3,
        "logLevel": "DEBUG",
        "podLabels": {"team": "ml"},
        "podAnnotations": {"a/b": "c"},
        "nodeSelector": {"disk": "none"},
        "tolerations": [{"key": "ml", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "priorityClassName": "high",
        "serviceAccountAnnotations": {"cloud/role": "davy"},
    },
}


def joined(*parts: Values) -> Values:
    """Values of several kinds as one, maps into maps."""
    whole: Values = {}
    for part in parts:
        for key, value in part.items():
            known = whole.get(key)
            both = isinstance(known, dict) and isinstance(value, dict)
            whole[key] = joined(known, value) if both else value
    return whole


def target(router: str, **more: object) -> Values:
    """An actuator with rights on objects of a router's."""
    names = {} if router == "ready" else {"names": ["digits"]}
    made = {"router": router, "namespace": "production", **names, **more}
    return {"actuator": {"targets": [made]}}


ASKED: Values = {"verdicts": {"enabled": True, "account": {"secret": "davy-page"}}}
SEEN: Values = {"dashboard": {"enabled": True, "account": {"secret": "davy-dashboard"}}}
ALL = joined(
    HTTP,
    SIGNED,
    SASL,
    REGISTRY,
    TELLING,
    ASKED,
    SEEN,
    target("httproute"),
    {"notify": {"account": {"secret": "davy-notify"}}},
    {"http": {"trustedProxy": {"header": "X-Forwarded-User", "addresses": ["10.1.0.0/16"]}}},
)
CASES: dict[str, Values] = {
    "defaults": {},
    "passwords": HTTP,
    "signed": SIGNED,
    "sasl": SASL,
    "certificates": CERTIFICATES,
    "registry": REGISTRY,
    "strimzi": STRIMZI,
    "strimzi-certificates": joined(STRIMZI, {"kafka": {"protocol": "SSL"}}, REGISTRY),
    "strimzi-plain": joined(STRIMZI, {"kafka": {"protocol": "PLAINTEXT"}}),
    "placed": joined(HTTP, PLACED),
    "all": ALL,
    **{router: target(router) for router in RIGHTS},
    "look-only": target("argo-rollouts", lookOnly=True),
}


def within(values: Values, namespace: str) -> Values:
    """The same, with its targets in a namespace that is there."""
    found: Values = json.loads(json.dumps(values).replace('"production"', json.dumps(namespace)))
    return found


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    """Objects by name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pods(objects: list[Object]) -> dict[str, Object]:
    """The pod specs of Deployments and Jobs by name."""
    found = {**of_kind(objects, "Deployment"), **of_kind(objects, "Job")}
    return {name: one["spec"]["template"]["spec"] for name, one in found.items()}


def containers(pod: Object) -> list[Object]:
    """All of a pod's."""
    return [*pod.get("initContainers", ()), *pod["containers"]]
