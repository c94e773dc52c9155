"""What is in an Envoy route file, and how does it look with other weights?

A discovery response in JSON. Everything but the weights of the named route and `version_info`
is kept as it is, in its order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from streams.actuator.weights import measured
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.model import FULL_BP

Json = dict[str, Any]


def named_routes(configuration: Json, route: str) -> Iterator[Json]:
    """Every route of that name in a RouteConfiguration, over all virtual hosts."""
    hosts = configuration.get("virtual_hosts", [])
    return (r for host in hosts for r in host.get("routes", []) if r.get("name") == route)


def split_of(route: Json) -> Json | None:
    """The weighted clusters of a route; None where it has no split."""
    split = route.get("route", {}).get("weighted_clusters")
    return split if isinstance(split, dict) else None


def shares(split: Json, clusters: Mapping[str, str]) -> dict[str, int]:
    """Arm -> share in basis points of a split."""
    by_cluster = {entry.get("name"): int(entry.get("weight", 0)) for entry in split["clusters"]}
    return measured({arm: by_cluster.get(name, 0) for arm, name in clusters.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFile:
    """A parsed file, and where davy's route is in it."""

    where: str
    document: Json
    configuration: Json
    splits: tuple[Json, ...]
    clusters: Mapping[str, str]

    @classmethod
    def parse(cls, text: str, *, where: str, route: str, clusters: Mapping[str, str]) -> Self:
        """Read a file.

        Raises:
            TargetNotFound: no such route in it.
            TargetRejected: no discovery response, or a route that davy must not touch.
        """
        try:
            document = json.loads(text)
            configurations = [r for r in document["resources"] if [*named_routes(r, route)]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TargetRejected(
                f"{where}: no discovery response in JSON ({error!r}); restore the file"
            ) from error
        if len(configurations) != 1:
            raise TargetNotFound(
                f"{where}: {len(configurations)} route configurations with a route named "
                f"`{route}`; give exactly one of them that name"
            )
        splits = tuple(
            _checked(found, f"{where}: route `{route}`", clusters)
            for found in named_routes(configurations[0], route)
        )
        return cls(
            where=where,
            document=document,
            configuration=configurations[0],
            splits=splits,
            clusters=clusters,
        )

    @property
    def name(self) -> str:
        """Name of the route configuration."""
        return str(self.configuration.get("name", ""))

    @property
    def version(self) -> str:
        """`version_info`: the fence, or somebody else's word."""
        return str(self.document.get("version_info", ""))

    def weights(self) -> dict[str, int]:
        """Arm -> share; of several routes of the name the one that gives candidates the most."""
        found = [shares(split, self.clusters) for split in self.splits]
        return min(found, key=lambda weights: next(iter(weights.values())))

    def check_validates(self) -> None:
        """TargetRejected unless Envoy checks clusters: else a wrong name serves 503 to all."""
        if self.configuration.get("validate_clusters") is not True:
            raise TargetRejected(
                f'{self.where}: add "validate_clusters": true to `{self.name}`; without it Envoy '
                "takes a route to a cluster that does not exist, so davy raises nothing here"
            )

    def with_weights(self, weights: Mapping[str, int], *, version: str) -> str:
        """The file's text with these weights for every route of the name."""
        arm_of = {cluster: arm for arm, cluster in self.clusters.items()}
        for split in self.splits:
            for entry in split["clusters"]:
                entry["weight"] = weights[arm_of[entry["name"]]]
            if "total_weight" in split:
                split["total_weight"] = FULL_BP
        return json.dumps(self.document | {"version_info": version}, indent=2) + "\n"


def _checked(route: Json, where: str, clusters: Mapping[str, str]) -> Json:
    split = split_of(route)
    named = [entry.get("name") for entry in (split or {}).get("clusters", [])]
    if split is None or sorted(map(str, named)) != sorted(clusters.values()):
        raise TargetRejected(
            f"{where}: needs weighted_clusters with exactly {', '.join(clusters.values())}; "
            f"it has {', '.join(map(str, named)) or 'none'}"
        )
    if "runtime_key_prefix" in split:
        raise TargetRejected(
            f"{where}: runtime_key_prefix lets runtime values override the file; remove it"
        )
    return split
