"""What is in an Envoy route file, and how does it look with other weights?

A discovery response in JSON. Everything but the weights of the named route, davy's own entries in
front of it and `version_info` is kept as it is, in its order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from streams.actuator.ports import Segments
from streams.actuator.routers.envoy_entries import Layout
from streams.actuator.routers.envoy_routes import blocks, everywhere, strip, write
from streams.actuator.routers.files import revision_of
from streams.actuator.routers.foreign import understood
from streams.errors import TargetNotFound, TargetRejected

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFile:
    """A parsed file, and where davy's routes are in it."""

    where: str
    document: Json
    configuration: Json
    layout: Layout

    @classmethod
    def parse(cls, text: str, *, where: str, layout: Layout) -> Self:
        """Read a file.

        Raises:
            TargetNotFound: no such route in it.
            TargetRejected: no discovery response, or a route that davy must not touch.
        """
        what, advice = "discovery response in JSON", "restore the file"
        with understood(where, what, error=TargetRejected, advice=advice):
            document = json.loads(text)
            found = [r for r in document["resources"] if [*blocks(r, layout)]]
            for route in found:
                for block in blocks(route, layout):
                    _check(block.base, f"{where}: route `{layout.route}`", layout.clusters)
        if len(found) != 1:
            raise TargetNotFound(
                f"{where}: {len(found)} route configurations with a route named "
                f"`{layout.route}`; give exactly one of them that name"
            )
        read = cls(where=where, document=document, configuration=found[0], layout=layout)
        with understood(where, what, error=TargetRejected, advice=advice):
            _ = read.revision  # reads all that davy will: whoever holds a file can use it
            _ = read.weights()
        return read

    @property
    def name(self) -> str:
        """Name of the route configuration."""
        return str(self.configuration.get("name", ""))

    @property
    def version(self) -> str:
        """`version_info`: the fence, or somebody else's word."""
        return str(self.document.get("version_info", ""))

    @property
    def revision(self) -> str:
        """Changes with weights, entries and version, and with nothing else."""
        found = [*blocks(self.configuration, self.layout)]
        shapes = [(block.weights(), block.shape()) for block in found]
        return revision_of(json.dumps(shapes, sort_keys=True), self.version)

    def weights(self) -> Segments:
        """What the routes of the name give."""
        return everywhere(blocks(self.configuration, self.layout))

    def check_validates(self) -> None:
        """TargetRejected unless Envoy checks clusters: else a wrong name serves 503 to all."""
        if self.configuration.get("validate_clusters") is not True:
            raise TargetRejected(
                f'{self.where}: add "validate_clusters": true to `{self.name}`; without it Envoy '
                "takes a route to a cluster that does not exist, so davy raises nothing here"
            )

    def with_weights(self, weights: Segments, *, version: str) -> str:
        """The file's text with these weights for every route of the name; used up thereby."""
        write(self.configuration, self.layout, weights)
        return self._text(self.document | {"version_info": version})

    def with_version(self, version: str) -> str:
        """The file's text under another version, and nothing else changed."""
        return self._text(self.document | {"version_info": version})

    def stripped(self) -> str | None:
        """The file's text without entries of davy's; None where there are none. Used up too."""
        return self._text(self.document) if strip(self.configuration, self.layout) else None

    def _text(self, document: Json) -> str:
        return json.dumps(document, indent=2) + "\n"


def _check(route: Json, where: str, clusters: Mapping[str, str]) -> None:
    split = route.get("route", {}).get("weighted_clusters")
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
