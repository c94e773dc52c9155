"""How is traffic moved at an Envoy that takes its routes from a file (RDS)?

The file is replaced as a whole (write beside it, fsync, rename in the watched directory), so
Envoy sees the old weights or the new ones. Only the weights of the named route, davy's own entries
in front of it and `version_info`, which carries the fence, are changed. With `admin` Envoy itself
is asked what it has; without, the file is read back. Source: Envoy's xDS and admin documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    FenceKind,
    Observed,
    Outcome,
    Proof,
    Segments,
    Sticky,
    Verification,
)
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.envoy_admin import EnvoyAdmin
from streams.actuator.routers.envoy_entries import Layout
from streams.actuator.routers.envoy_match import RULES
from streams.actuator.routers.files import locked, read_text, replace_text
from streams.actuator.routers.route_file import RouteFile
from streams.actuator.routers.whose import Whose
from streams.actuator.weights import complaint, differs, higher_of, home, rises
from streams.errors import RouterError, TargetConflict, TargetRejected
from streams.spec.model import FULL_BP

OPTIONS = ("rds", "route", "clusters", "admin")
ADMIN = "http://127.0.0.1:9901"
CAN = Capabilities(
    largest_weight=FULL_BP,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    segments=True,
    rules=RULES,
    mirror=True,
    sticky=Sticky.AS_SET_UP,
)


class EnvoyRouter:
    """See Router. Every arm is a cluster; both sides of a split always have explicit weights."""

    def __init__(self, path: Path, layout: Layout, admin: EnvoyAdmin | None) -> None:
        self._path, self._layout, self._admin = path, layout, admin
        self._refused_before: int | None = None
        """Updates that Envoy had refused when the last write was begun."""
        self._whose = Whose()

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return CAN

    def observe(self) -> Observed:
        """The file's weights; with `admin` also Envoy's own, the higher share where they differ."""
        file = self._read()
        fence = Fence.parse(file.version)
        self._whose.look(fence)
        weights, note = file.weights(), "file"
        if self._admin is not None:
            served = self._admin.served(file.name, self._layout)
            weights = higher_of(weights, served.weights) if served.weights else weights
            note = f"file and config_dump (version {served.version})"
        return Observed(
            weights_bp=weights,
            revision=file.revision,
            fence=fence,
            note=note,
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router; the file is locked against other davy processes on this host."""
        weights = desired.weights_bp
        if problem := complaint(weights, tuple(self._layout.clusters)):
            raise TargetRejected(problem)
        self._whose.write(fence)
        self._refused_before = self._refusals()
        with locked(self._path) as hold:
            file, version = self._guarded(expect, fence)
            if rises(file.weights(), weights):
                file.check_validates()
            replace_text(hold, file.with_weights(weights, version=version))
            revision = self._read().revision
        return Applied(revision=revision, weights_bp=weights)

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; the fence is the file's version."""
        self._whose.write(fence)
        with locked(self._path) as hold:
            file, version = self._guarded(expect, fence)
            replace_text(hold, file.with_version(version))
            return self._read().revision

    def _guarded(self, expect: str | None, fence: Fence) -> tuple[RouteFile, str]:
        """The file and its next version; hold the lock from here until it is replaced."""
        file = self._read()
        if expect is not None and expect != file.revision:
            raise TargetConflict(f"{self._path}: changed since it was looked at")
        there = Fence.parse(file.version)
        if there is not None and there.forbids(fence):
            raise TargetConflict(f"stale: {self._path} carries {there}, this write is {fence}")
        return file, str(fence.after(there))

    def verify(self, desired: Desired) -> Verification:
        """See Router; says whether Envoy itself was asked."""
        file = self._read()
        if differs(file.weights(), desired.weights_bp):
            how = f"{self._path} has {_shown(file.weights())}"
            return Verification(proof=Proof.PENDING, how=how)
        if self._admin is None:
            how = "file read back; Envoy was not asked (option `admin`)"
            return Verification(proof=Proof.HOLDS, how=how)
        served = self._admin.served(file.name, self._layout)
        if served.weights and not differs(served.weights, desired.weights_bp):
            how = f"config_dump, version {served.version}"
            return Verification(proof=Proof.HOLDS, how=how)
        how = f"config_dump still has {_shown(served.weights)}, version {served.version}"
        refused = self._refusals()
        if None not in (refused, self._refused_before) and refused != self._refused_before:
            how += "; update_rejected or update_failure went up, Envoy's log says why"
            return Verification(proof=Proof.REJECTED, how=how)
        return Verification(proof=Proof.PENDING, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """See Router; without candidates the route alone says what the entries said.

        What another rollout has taken over is left to it.
        """
        if outcome is Outcome.PROMOTED:
            return
        with locked(self._path) as hold:
            file = self._read()
            if not self._whose.may_tidy(Fence.parse(file.version)):
                return
            if rises(home(self._layout.clusters), file.weights()):
                return  # somebody gives candidates traffic: the entries still say to whom
            text = file.stripped()
            if text is not None:
                replace_text(hold, text)

    def _read(self) -> RouteFile:
        return RouteFile.parse(read_text(self._path), where=str(self._path), layout=self._layout)

    def _refusals(self) -> int | None:
        """Updates refused so far; None where nobody can be asked."""
        if self._admin is None:
            return None
        try:
            return self._admin.refusals(self._read().name)
        except RouterError:
            return None


def _shown(weights: Segments) -> dict[str, dict[str, int]]:
    return {segment: dict(shares) for segment, shares in weights.items()}


@declared(
    About(
        target="Envoy: watched file of routes (RDS)",
        can=CAN,
        counterpart="Envoy 1.40",
        checks=(Check.CONTRACT, Check.AUDIENCE, Check.ANSWERS),
    )
)
def open_envoy(options: Mapping[str, Any], arms: Sequence[str], audience: Audience) -> EnvoyRouter:
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
    admin = read.optional_url(options, "admin", router="envoy", example=ADMIN)
    layout = Layout(
        route=read.text(options, "route", router="envoy", example="digits"),
        clusters=read.per_arm(options, "clusters", arms, router="envoy"),
        audience=audience,
    )
    return EnvoyRouter(path, layout, None if admin is None else EnvoyAdmin(admin))
