"""Which filters of a Gateway API rule are davy's? Copies to candidates, and one header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.actuator.routers.kube.patches import Json
from streams.spec.model import BASELINE, FULL_BP
from streams.spec.targeting import TARGETED_HEADER

MIRROR, HEADERS = "RequestMirror", "RequestHeaderModifier"


def copies(rule: Json, backends: Mapping[str, str]) -> dict[str, int]:
    """Candidate -> basis points of requests copied to it, rounded up."""
    found: dict[str, int] = {}
    arms = {name: arm for arm, name in backends.items() if arm != BASELINE}
    for each in _filters(rule):
        arm = arms.get(_copied_to(each))
        if arm is not None:
            share = _share_bp(each["requestMirror"])
            found[arm] = min(FULL_BP, found.get(arm, 0) + share)
    return {arm: share for arm, share in found.items() if share}


def copying(rule: Json, mirror: Mapping[str, int], backends: Mapping[str, str]) -> Json:
    """The rule with these copies; those to strangers are kept."""
    ours = {name for arm, name in backends.items() if arm != BASELINE}
    kept = [each for each in _filters(rule) if _copied_to(each) not in ours]
    refs = {ref["name"]: ref for ref in rule["backendRefs"]}
    made = [_copy(refs[backends[arm]], share) for arm, share in mirror.items() if share]
    return _with(rule, kept + made)


def _copied_to(each: Json) -> str:
    if each.get("type") != MIRROR:
        return ""
    return str((each.get("requestMirror") or {}).get("backendRef", {}).get("name", ""))


def _copy(ref: Json, share_bp: int) -> dict[str, Any]:
    backend = {
        key: ref[key] for key in ("group", "kind", "name", "namespace", "port") if key in ref
    }
    fraction = {"numerator": share_bp, "denominator": FULL_BP}
    return {"type": MIRROR, "requestMirror": {"backendRef": backend, "fraction": fraction}}


def _share_bp(mirror: Json) -> int:
    """Everything where no share is given."""
    if "percent" in mirror:
        return int(mirror["percent"]) * 100
    fraction = mirror.get("fraction") or {"numerator": 1, "denominator": 1}
    return -(-int(fraction["numerator"]) * FULL_BP // int(fraction.get("denominator", 100)))


def mark(rule: Json) -> str:
    """What the requests of a rule tell the service of being targeted."""
    told = [entry for each in _filters(rule) for entry in _set(each) if _is_ours(entry)]
    return ",".join(str(entry.get("value", "")) for entry in told)


def marked(rule: Json, text: str) -> Json:
    """The rule whose requests tell this; there may be one filter for headers only."""
    ours = [{"name": TARGETED_HEADER, "value": text}] if text else []
    found = _filters(rule)
    if ours and not any(each.get("type") == HEADERS for each in found):
        found = [*found, {"type": HEADERS, "requestHeaderModifier": {}}]
    return _with(rule, [made for each in found if (made := _telling(each, ours)) is not None])


def _telling(each: Json, ours: list[Json]) -> Json | None:
    """A filter that sets ours; None where nothing is left of it."""
    if each.get("type") != HEADERS:
        return each
    kept = [entry for entry in _set(each) if not _is_ours(entry)]
    others = {k: v for k, v in (each.get("requestHeaderModifier") or {}).items() if k != "set"}
    modifier = others | ({"set": kept + ours} if kept or ours else {})
    return {**each, "requestHeaderModifier": modifier} if modifier else None


def _set(each: Json) -> list[Json]:
    return list((each.get("requestHeaderModifier") or {}).get("set") or ())


def _is_ours(entry: Json) -> bool:
    return str(entry.get("name", "")).lower() == TARGETED_HEADER


def _filters(rule: Json) -> list[Json]:
    return list(rule.get("filters") or ())


def _with(rule: Json, found: list[Json]) -> Json:
    """The rule with these filters; without a list where there are none and were none."""
    if found == _filters(rule):
        return rule
    rest = {key: value for key, value in rule.items() if key != "filters"}
    return {**rest, "filters": found} if found else rest
