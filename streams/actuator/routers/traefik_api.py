"""What does Traefik itself say it serves? Its API, asked and never written to.

`GET /api/http/services/NAME@file`. Source: Traefik, "API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from streams.actuator.routers.foreign import understood
from streams.actuator.routers.lock import Hold
from streams.actuator.routers.traefik_file import Weighted
from streams.actuator.routers.watched_file import Served
from streams.errors import TargetDenied, TargetTransient

CONNECT_S, ANSWER_S = 0.5, 2.0
Json = dict[str, Any]


class TraefikApi:
    """See Reader: one Traefik, which watches the file by itself."""

    def __init__(self, address: str, split: Weighted) -> None:
        self._address, self._split = address.rstrip("/"), split
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        # No kept connections: a router is never closed.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=timeout, limits=limits, trust_env=False)

    def check(self) -> None:
        """See Reader; Traefik keeps what it had where it cannot read the file."""

    def take(self, hold: Hold) -> None:
        """See Reader; nothing to do."""

    def served(self) -> Served:
        """See Reader; an arm is unready whose service Traefik does not have or finds down."""
        found = self._service(self._split.service)
        where = f"{self._address}: service {self._split.service}"
        with understood(where, "service", error=TargetTransient, advice="is this Traefik's API?"):
            weights = _weights(found or {}, self._split.services)
            unready = tuple(arm for arm, name in self._split.services.items() if self._down(name))
        status = "not there" if found is None else found.get("status")
        problems = "; ".join(map(str, (found or {}).get("error", ())))
        note = f"{where}: {status}{f' ({problems})' if problems else ''}, {weights}"
        return Served(weights=weights, unready=unready, note=note)

    def _down(self, name: str) -> bool:
        found = self._service(name)
        if found is None or found.get("status") != "enabled":
            return True
        states = found.get("serverStatus", {})
        return bool(states) and "UP" not in states.values()

    def _service(self, name: str) -> Json | None:
        """What the API tells of a service; None where Traefik has none of that name."""
        known = name if "@" in name else f"{name}@file"
        address = f"{self._address}/api/http/services/{quote(known, safe='@')}"
        try:
            answer = self._http.get(address)
            if answer.status_code == httpx.codes.NOT_FOUND and "message" in answer.json():
                return None
            if answer.status_code in {401, 403}:
                raise TargetDenied(f"{address}: {answer.status_code}; allow davy there")
            answer.raise_for_status()
            found: Json = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TargetTransient(
                f"{address}: no answer ({error!r}); is this Traefik's API?"
            ) from error
        return found


def _weights(found: Json, services: Mapping[str, str]) -> Mapping[str, int] | None:
    """Arm -> weight; None where the service is not served, or not with these arms."""
    listed = found.get("weighted", {}).get("services", [])
    given = {entry["name"]: int(entry.get("weight", 1)) for entry in listed}
    if found.get("status") != "enabled" or given.keys() != set(services.values()):
        return None
    return {arm: given[name] for arm, name in services.items()}
