"""What stands in front of the model servers, and what must a rollout's spec say of it?

Envoy with a routes file, or Istio (`mesh.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from streams.demo.processes import Parts
from streams.demo.proxy import Proxy, deploy_route, start_envoy
from streams.spec.model import FULL_BP

Route = dict[str, Any]


class Front(Protocol):
    """Where requests come in; one route that splits them between two versions."""

    @property
    def url(self) -> str:
        """Where requests are sent."""
        ...

    def deploy(self, *, baseline: str, candidate: str) -> Route:
        """What a deployment does before a rollout: name both versions, move no traffic.

        Returns:
            What the rollout's spec says of the route: a router's name and its options.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyFront:
    """Envoy alone; its routes are a file."""

    proxy: Proxy

    @property
    def url(self) -> str:
        """See Front."""
        return self.proxy.url

    def deploy(self, *, baseline: str, candidate: str) -> Route:
        """See Front."""
        deploy_route(self.proxy.rds, baseline=baseline, candidate=candidate)
        return {
            "envoy": {
                "rds": str(self.proxy.rds),
                "route": "digits",
                "clusters": {"baseline": baseline, "candidate": candidate},
                "admin": self.proxy.admin,
            }
        }


def start_envoy_front(parts: Parts, servers: Mapping[str, int]) -> Front:
    """Start Envoy in front of `servers` (version -> loopback port).

    Raises:
        PartError: it did not get ready; with the end of its log.
    """
    first, second = list(servers)[:2]
    proxy = start_envoy(parts, parts.folder, servers, {first: FULL_BP, second: 0})
    return EnvoyFront(proxy=proxy)
