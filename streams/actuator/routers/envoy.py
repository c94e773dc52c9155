"""How is traffic moved at an Envoy that takes its routes from a file (RDS)?

The file is replaced as a whole (write beside it, fsync, rename in the watched directory), so
Envoy sees the old weights or the new ones. Only the weights of the named route and
`version_info`, which carries the fence, are changed. With `admin` Envoy itself is asked what it
has; without, the file is read back. Source: Envoy's xDS and admin documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    FenceKind,
    Observed,
    Outcome,
    Proof,
    Verification,
)
from streams.actuator.routers import options as read
from streams.actuator.routers.envoy_admin import EnvoyAdmin, Served
from streams.actuator.routers.files import locked, read_text, replace_text, revision_of
from streams.actuator.routers.route_file import RouteFile
from streams.actuator.weights import complaint, highest, rises, single
from streams.errors import RouterError, TargetConflict, TargetRejected
from streams.spec.model import ALL_SEGMENT, FULL_BP

OPTIONS = ("rds", "route", "clusters", "admin")
ADMIN = "http://127.0.0.1:9901"


class EnvoyRouter:
    """See Router. Every arm is a cluster; both sides of a split always have explicit weights."""

    def __init__(
        self, path: Path, route: str, clusters: Mapping[str, str], admin: EnvoyAdmin | None
    ) -> None:
        self._path, self._route, self._clusters = path, route, dict(clusters)
        self._admin = admin
        self._refused_before: int | None = None
        """Updates that Envoy had refused when the last write was begun."""

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return Capabilities(largest_weight=FULL_BP, fence=FenceKind.NATIVE, survives_restart=True)

    def observe(self) -> Observed:
        """The file's weights; with `admin` also Envoy's own, the higher share where they differ."""
        file = self._read()
        weights, note = file.weights(), "file"
        revision = _revision(weights, file.version)
        if self._admin is not None:
            served = self._served(self._admin, file)
            weights = highest(weights, served.weights) if served.weights else weights
            note = f"file and config_dump (version {served.version})"
        return Observed(
            weights_bp={ALL_SEGMENT: weights},
            revision=revision,
            fence=Fence.parse(file.version),
            note=note,
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router; the file is locked against other davy processes on this host."""
        shares = single(desired.weights_bp)
        if problem := complaint(desired.weights_bp, tuple(self._clusters)):
            raise TargetRejected(problem)
        self._refused_before = self._refusals()
        with locked(self._path):
            file = self._read()
            if expect is not None and expect != _revision(file.weights(), file.version):
                raise TargetConflict(f"{self._path}: changed since it was looked at")
            there = Fence.parse(file.version)
            if there is not None and there.forbids(fence):
                raise TargetConflict(f"stale: {self._path} carries {there}, this write is {fence}")
            if rises({ALL_SEGMENT: file.weights()}, desired.weights_bp):
                file.check_validates()
            replace_text(self._path, file.with_weights(shares, version=str(fence)))
        revision = _revision(shares, str(fence))
        return Applied(revision=revision, weights_bp=desired.weights_bp)

    def verify(self, desired: Desired) -> Verification:
        """See Router; says whether Envoy itself was asked."""
        wanted = dict(single(desired.weights_bp))
        file = self._read()
        if file.weights() != wanted:
            return Verification(proof=Proof.PENDING, how=f"{self._path} has {file.weights()}")
        if self._admin is None:
            how = "file read back; Envoy was not asked (option `admin`)"
            return Verification(proof=Proof.HOLDS, how=how)
        served = self._served(self._admin, file)
        if served.weights == wanted:
            how = f"config_dump, version {served.version}"
            return Verification(proof=Proof.HOLDS, how=how)
        how = f"config_dump still has {served.weights}, version {served.version}"
        refused = self._refusals()
        if None not in (refused, self._refused_before) and refused != self._refused_before:
            how += "; update_rejected or update_failure went up, Envoy's log says why"
            return Verification(proof=Proof.REJECTED, how=how)
        return Verification(proof=Proof.PENDING, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """Nothing to tidy up: davy left weights and a version."""

    def _read(self) -> RouteFile:
        return RouteFile.parse(
            read_text(self._path), where=str(self._path), route=self._route, clusters=self._clusters
        )

    def _served(self, admin: EnvoyAdmin, file: RouteFile) -> Served:
        return admin.served(file.name, self._route, self._clusters)

    def _refusals(self) -> int | None:
        """Updates refused so far; None where nobody can be asked."""
        if self._admin is None:
            return None
        try:
            return self._admin.refusals(self._read().name)
        except RouterError:
            return None


def _revision(weights: Mapping[str, int], version: str) -> str:
    """Of the file alone: what Envoy makes of it is seen in the weights."""
    return revision_of(str(sorted(weights.items())), version)


def open_envoy(options: Mapping[str, Any], arms: Sequence[str]) -> EnvoyRouter:
    """The router for these options.

    `rds`: the watched file; `route`: the route's name in it; `clusters`: arm -> cluster; `admin`:
    address of Envoy's admin interface on loopback, may be left out.
    """
    read.check_names(options, known=OPTIONS, router="envoy")
    path = Path(read.text(options, "rds", router="envoy", example="/run/envoy/rds.json"))
    if path.suffix != ".json":
        raise read.OptionError(
            f"target.options.rds: {path}: davy writes JSON — let Envoy watch a .json file",
            option="rds",
        )
    admin = read.optional_text(options, "admin", router="envoy", example=ADMIN)
    if admin is not None and not admin.startswith(("http://", "https://")):
        raise read.OptionError(
            f"target.options.admin: {admin} is no address — write it as {ADMIN}", option="admin"
        )
    return EnvoyRouter(
        path,
        read.text(options, "route", router="envoy", example="digits"),
        read.per_arm(options, "clusters", arms, router="envoy"),
        None if admin is None else EnvoyAdmin(admin),
    )
