"""What does the controller of a route say of it? Its word counts for the generation it has seen.

Source: Gateway API v1, RouteStatus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from streams.actuator.ports import Proof, Verification
from streams.actuator.routers.kube.patches import Json

GROUP = "gateway.networking.k8s.io"
ACCEPTED, RESOLVED = "Accepted", "ResolvedRefs"
ADVICE = "mend it there, or take that parent out of parentRefs if it shall not serve the route"
SAME_PARENT = ("group", "kind", "namespace", "name", "sectionName", "port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What one controller says of a route at one parent."""

    who: str
    fresh: bool
    """Whether it has seen the route as it is."""
    accepted: bool
    resolved: bool
    """Whether all backends are there; True where it says nothing of it."""
    why: str = ""
    """What it complains of."""

    @classmethod
    def parse(cls, parent: Json, generation: int) -> Self:
        """Read an entry of `status.parents`."""
        found = {each["type"]: each for each in parent.get("conditions") or ()}
        accepted, resolved = found.get(ACCEPTED, {}), found.get(RESOLVED, {})
        no = [each for each in (accepted, resolved) if each.get("status") == "False"]
        return cls(
            who=f"{parent.get('controllerName')} at {parent.get('parentRef', {}).get('name')}",
            fresh=int(accepted.get("observedGeneration", 0)) >= generation,
            accepted=accepted.get("status") == "True",
            resolved=resolved.get("status", "True") == "True",
            why="; ".join(f"{each.get('reason')}: {each.get('message', '')}" for each in no),
        )


def words(found: Json) -> list[Word]:
    """What is said of the route at those parents that it names now."""
    generation, home = int(found["metadata"].get("generation", 0)), _home(found)
    wanted = [_parent(ref, home) for ref in found["spec"].get("parentRefs") or ()]
    own = [each for each in _told(found) if _parent(each.get("parentRef", {}), home) in wanted]
    return [Word.parse(each, generation) for each in own]


def silent(found: Json) -> list[str]:
    """Names of those parents of which no controller says anything."""
    told = {_parent(each.get("parentRef", {}), _home(found)) for each in _told(found)}
    refs = found["spec"].get("parentRefs") or ()
    return [str(ref.get("name")) for ref in refs if _parent(ref, _home(found)) not in told]


def _told(found: Json) -> list[Json]:
    return [*((found.get("status") or {}).get("parents") or ())]


def _home(found: Json) -> object:
    return found["metadata"].get("namespace")


def _parent(ref: Json, home: object) -> tuple[object, ...]:
    defaults = {"group": GROUP, "kind": "Gateway", "namespace": home}
    return tuple(ref.get(key, defaults.get(key)) for key in SAME_PARENT)


def proof(found: Json) -> Verification:
    """Whether the route as it is has been taken and accepted at every parent that it names.

    Who does not accept it may go on as it did, with more for a candidate than is wanted now.
    """
    told = words(found)
    if not told:
        how = "no controller says anything of it; is a Gateway among its parentRefs?"
        return Verification(proof=Proof.PENDING, how=how)
    if missing := silent(found):
        how = f"no controller says anything of it at {', '.join(missing)}; {ADVICE}"
        return Verification(proof=Proof.PENDING, how=how)
    if stale := [word.who for word in told if not word.fresh]:
        how = f"not seen yet by {', '.join(stale)}"
        return Verification(proof=Proof.PENDING, how=how)
    if refused := [word for word in told if not word.accepted]:
        how = "; ".join(f"{word.who} does not accept it: {word.why}" for word in refused)
        return Verification(proof=Proof.REJECTED, how=f"{how}; {ADVICE}")
    takers = ", ".join(word.who for word in told)
    return Verification(proof=Proof.HOLDS, how=f"accepted by {takers}, at its generation")


def unresolved(found: Json) -> str:
    """Why requests to some backend would fail; empty where nobody says so."""
    return "; ".join(f"{word.who}: {word.why}" for word in words(found) if not word.resolved)
