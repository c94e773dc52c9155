"""What does Envoy itself say it serves? Its admin interface, asked and never written to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx

from streams.actuator.ports import Segments
from streams.actuator.routers.envoy_entries import Layout
from streams.actuator.routers.envoy_routes import blocks, everywhere
from streams.actuator.routers.foreign import understood
from streams.errors import TargetDenied, TargetTransient

CONNECT_S = 0.5
ANSWER_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The routes that Envoy has in force."""

    version: str
    weights: Segments
    """Empty where Envoy has no such route."""


class EnvoyAdmin:
    """One Envoy's admin interface."""

    def __init__(self, address: str) -> None:
        self._address = address
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        # No kept connections: a router is never closed, and loopback connects in no time.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=address, timeout=timeout, limits=limits, trust_env=False)

    def served(self, configuration: str, layout: Layout) -> Served:
        """Version and weights of the layout's route in a dynamic route configuration.

        Raises:
            TargetTransient: no usable answer.
            TargetDenied: the admin interface refuses.
        """
        params = {
            "resource": "dynamic_route_configs",
            "name_regex": f"^{re.escape(configuration)}$",
        }
        dump = self._get("/config_dump", params)
        with self._understood("/config_dump"):
            for entry in dump.get("configs", []):
                weights = everywhere(blocks(entry.get("route_config", {}), layout))
                if weights:
                    return Served(version=str(entry.get("version_info", "")), weights=weights)
        return Served(version="", weights={})

    def refusals(self, configuration: str) -> int:
        """How many updates of these routes Envoy has refused since it started."""
        name = re.escape(configuration)
        kinds = "(update_rejected|update_failure)"
        params = {"filter": rf"\.rds\.{name}\.{kinds}$", "format": "json"}
        stats = self._get("/stats", params)
        with self._understood("/stats"):
            return sum(int(stat.get("value", 0)) for stat in stats.get("stats", []))

    def _understood(self, path: str) -> AbstractContextManager[None]:
        where, advice = f"{self._address}{path}", "is this Envoy's admin address?"
        return understood(where, "answer of Envoy's", error=TargetTransient, advice=advice)

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._http.get(path, params=params)
            if answer.status_code in {401, 403}:
                raise TargetDenied(f"{self._address}{path}: {answer.status_code}; allow davy there")
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TargetTransient(
                f"{self._address}{path}: no answer ({error!r}); is this Envoy's admin address?"
            ) from error
        return found
