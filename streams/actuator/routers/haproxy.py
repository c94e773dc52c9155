"""How is traffic moved at a HAProxy? Server weights over its runtime socket.

Weights are 0 .. 256 and live in HAProxy's memory: a reload brings the configured ones back, which
the actuator sees as a drift. HAProxy keeps no note of who wrote, so the fence lies in a locked
file beside the socket. Source: HAProxy Management Guide, "Unix Socket commands".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    Sticky,
    Verification,
)
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.fence_file import FenceFile
from streams.actuator.routers.files import revision_of
from streams.actuator.routers.haproxy_socket import RuntimeSocket, Server
from streams.actuator.weights import complaint, in_order, matches, measured, single, units
from streams.errors import TargetConflict, TargetNotFound, TargetRejected
from streams.spec.model import ALL_SEGMENT, BASELINE

OPTIONS = ("socket", "backend", "servers", "sticky", "fence_file")
LARGEST = 256
CAN = Capabilities(
    largest_weight=LARGEST,
    fence=FenceKind.HOST_ONLY,
    survives_restart=False,
    sticky=Sticky.AS_SET_UP,
)


class HaproxyRouter:
    """See Router. Every arm is one server of the backend.

    With `sticky` (cookie persistence), weight 0 would let pinned sessions stay: such a server is
    put into maintenance instead, and taken out of it when its share is raised again.
    """

    def __init__(
        self,
        socket: RuntimeSocket,
        backend: str,
        servers: Mapping[str, str],
        fences: FenceFile,
        *,
        sticky: bool,
    ) -> None:
        self._socket, self._backend, self._servers = socket, backend, dict(servers)
        self._fences, self._sticky = fences, sticky

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return CAN

    def observe(self) -> Observed:
        """What the backend's servers have now; a server in maintenance or drain has nothing."""
        servers = self._arms()
        note = self._fences.read()
        weights = {arm: server.effective_weight for arm, server in servers.items()}
        unready = tuple(
            arm
            for arm, server in servers.items()
            if not server.up and server.name not in note.parked
        )
        return Observed(
            weights_bp={ALL_SEGMENT: measured(weights)},
            revision=revision_of(*(server.setting for server in servers.values()), str(note.fence)),
            fence=note.fence,
            unready=unready,
            note="show servers state",
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router; the fence is noted before the first command."""
        if problem := complaint(desired.weights_bp, tuple(self._servers)):
            raise TargetRejected(problem)
        wanted = units(single(desired.weights_bp), LARGEST)
        with self._fences.held() as (note, hold):
            self._guard(note.fence, expect, fence)
            have = self._arms()
            parked = set(note.parked) if self._sticky else set()
            parked_after = self._parked_after(wanted, parked)
            self._fences.write(hold, fence.after(note.fence), parked=parked_after)
            for command in self._commands(have, wanted, parked):
                hold.check()  # the socket itself refuses nobody who hung here
                self._socket.order(command)
        seen = self.observe()
        return Applied(revision=seen.revision, weights_bp={ALL_SEGMENT: measured(wanted)})

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; only the note beside the socket is written."""
        with self._fences.held() as (note, hold):
            self._guard(note.fence, expect, fence)
            self._fences.write(hold, fence.after(note.fence), parked=note.parked)
        return self.observe().revision

    def _guard(self, there: Fence | None, expect: str | None, fence: Fence) -> None:
        if expect is not None and expect != self.observe().revision:
            raise TargetConflict(f"{self._backend}: changed since it was looked at")
        if there is not None and there.forbids(fence):
            raise TargetConflict(
                f"stale: {self._fences.path} carries {there}, this write is {fence}"
            )

    def _parked_after(self, wanted: Mapping[str, int], parked: set[str]) -> set[str]:
        """Servers that davy itself holds in maintenance once the weights are applied."""
        if not self._sticky:
            return set()
        idle = {self._servers[arm] for arm, w in wanted.items() if not w and arm != BASELINE}
        busy = {self._servers[arm] for arm, w in wanted.items() if w}
        return (parked | idle) - busy

    def _commands(
        self, have: Mapping[str, Server], wanted: Mapping[str, int], parked: set[str]
    ) -> Iterator[str]:
        """Commands in an order in which no candidate ever has more than before or after."""
        for arm in in_order({arm: server.weight for arm, server in have.items()}, wanted):
            server = f"{self._backend}/{self._servers[arm]}"
            yield f"set server {server} weight {wanted[arm]}"
            if self._sticky and not wanted[arm] and arm != BASELINE:
                yield f"set server {server} state maint"
            elif wanted[arm] and self._servers[arm] in parked:
                yield f"set server {server} state ready"

    def verify(self, desired: Desired) -> Verification:
        """See Router; HAProxy is asked what its servers have."""
        seen = self.observe()
        holds = matches(seen.weights_bp, desired.weights_bp, LARGEST)
        how = f"show servers state: {seen.weights_bp[ALL_SEGMENT]}"
        return Verification(proof=Proof.HOLDS if holds else Proof.PENDING, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """Nothing to tidy up: a parked server stays parked until its share is raised."""

    def _arms(self) -> dict[str, Server]:
        """Arm -> server.

        Raises:
            TargetNotFound: a server of an arm is not in the backend.
            TargetRejected: the backend has another server that takes traffic.
        """
        found = {server.name: server for server in self._socket.servers(self._backend)}
        if missing := [name for name in self._servers.values() if name not in found]:
            raise TargetNotFound(
                f"backend {self._backend}: no server {', '.join(missing)}; "
                f"it has {', '.join(found)}"
            )
        strangers = found.keys() - set(self._servers.values())
        if busy := sorted(name for name in strangers if found[name].effective_weight):
            raise TargetRejected(
                f"backend {self._backend}: {', '.join(busy)} takes traffic but belongs to no arm; "
                "give every arm a backend server of its own and the others weight 0"
            )
        return {arm: found[name] for arm, name in self._servers.items()}


@declared(
    About(
        target="HAProxy: runtime socket",
        can=CAN,
        counterpart="HAProxy 2.6",
        checks=(Check.CONTRACT, Check.ANSWERS),
    )
)
def open_haproxy(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - its runtime socket tells no requests apart
) -> HaproxyRouter:
    """The router for these options.

    `socket`: the runtime socket (level admin); `backend`; `servers`: arm -> server; `sticky`: the
    backend pins sessions by cookie; `fence_file`: where to note who wrote last, by default beside
    the socket.
    """
    read.check_names(options, known=OPTIONS, router="haproxy")
    socket = Path(read.text(options, "socket", router="haproxy", example="/run/haproxy.sock"))
    backend = read.text(options, "backend", router="haproxy", example="digits")
    beside = str(socket.with_name(f"{socket.name}.{backend}.davy-fence.json"))
    fence_file = read.optional_text(options, "fence_file", router="haproxy", example=beside)
    return HaproxyRouter(
        RuntimeSocket(socket),
        backend,
        read.per_arm(options, "servers", arms, router="haproxy"),
        FenceFile(Path(fence_file or beside)),
        sticky=read.flag(options, "sticky", router="haproxy"),
    )
