"""How does a split stand in an Envoy route, and what share does one show?

A plain split draws by chance, request by request. A hashed one draws by XXH64 of the user's header
modulo 10^8 over the clusters in their order: so ranges of users are exact, a share of a range is
too, and a user stays where he is while the share grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.actuator.ports import Arms
from streams.actuator.weights import measured
from streams.spec.model import BASELINE, FULL_BP
from streams.spec.targeting import NOT_TARGETED, TARGETED, TARGETED_HEADER, UserHashRule

Json = dict[str, Any]
HASH_UNITS = FULL_BP * FULL_BP
"""Modulus of hashed splits: basis points of users times basis points of their weights."""
SIZES = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}


def of(route: Json) -> Json:
    """The split of a route; one that goes to a single cluster is a split of one, others of none."""
    action = route.get("route", {})
    split = action.get("weighted_clusters")
    if isinstance(split, dict):
        return split
    only = action.get("cluster")
    return {"clusters": [{"name": only, "weight": 1}] if only else []}


def plain(split: Json, shares: Arms, clusters: Mapping[str, str], mark: str = "") -> Json:
    """The split with these weights, all else of it kept; with a mark for services if given one."""
    arm_of = {cluster: arm for arm, cluster in clusters.items()}
    entries = [
        _marked(entry, mark) | {"weight": shares[arm_of[entry["name"]]]}
        for entry in split["clusters"]
    ]
    total = {"total_weight": FULL_BP} if "total_weight" in split else {}
    return split | {"clusters": entries} | total


def hashed(
    split: Json, shares: Arms, clusters: Mapping[str, str], ranges: Sequence[UserHashRule]
) -> Json:
    """The split by the hash of users: in each range the candidates first, else the baseline."""
    known = {entry["name"]: entry for entry in split["clusters"]}
    drawn = [
        _marked(known[clusters[arm]], mark) | {"weight": units}
        for arm, units, mark in _drawn(shares, ranges)
    ]
    kept = {key: value for key, value in split.items() if key not in {"header_name", "clusters"}}
    total = {"total_weight": HASH_UNITS} if "total_weight" in split else {}
    return kept | {"clusters": drawn, "use_hash_policy": True} | total


def _drawn(shares: Arms, ranges: Sequence[UserHashRule]) -> Iterator[tuple[str, int, str]]:
    """Arm, units and mark, in the order in which the hash runs through them."""
    at = 0
    for rule in ranges:
        yield BASELINE, (rule.from_bp - at) * FULL_BP, NOT_TARGETED
        width = rule.to_bp - rule.from_bp
        for arm, share in shares.items():
            if arm != BASELINE:
                yield arm, share * width, TARGETED
        yield BASELINE, shares[BASELINE] * width, TARGETED
        at = rule.to_bp
    yield BASELINE, (FULL_BP - at) * FULL_BP, NOT_TARGETED


def _marked(cluster: Json, mark: str) -> Json:
    """The cluster of a split whose requests tell the service what they are."""
    if not mark:
        return cluster
    ours = {
        "header": {"key": TARGETED_HEADER, "value": mark},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    others = [each for each in _added(cluster) if not _is_mark(each)]
    return cluster | {"request_headers_to_add": [*others, ours]}


def mark_of(cluster: Json) -> str:
    """What the requests of a split's cluster tell the service; empty where they tell nothing."""
    marks = [each["header"].get("value") for each in _added(cluster) if _is_mark(each)]
    return ",".join(map(str, marks))


def _added(cluster: Json) -> list[Json]:
    return list(cluster.get("request_headers_to_add", []))


def _is_mark(added: Json) -> bool:
    return str(added.get("header", {}).get("key", "")).lower() == TARGETED_HEADER


def shares(
    split: Json, clusters: Mapping[str, str], ranges: Sequence[UserHashRule] = ()
) -> dict[str, int]:
    """Arm -> share in basis points of a split; of a hashed one among the users of the ranges."""
    given = dict.fromkeys(clusters.values(), 0)
    for entry in split["clusters"]:
        if entry.get("name") in given:
            given[entry["name"]] += _weight(entry)
    by_arm = {arm: given[name] for arm, name in clusters.items()}
    if ranges and sum(by_arm.values()) == HASH_UNITS:  # a route may be sticky without ranges
        within = sum(rule.to_bp - rule.from_bp for rule in ranges) * FULL_BP
        by_arm[BASELINE] = max(0, by_arm[BASELINE] - (HASH_UNITS - within))
    return measured(by_arm)


def _weight(entry: Json) -> int:
    weight = int(entry.get("weight", 0))
    if weight < 0:
        raise ValueError(f"weight {weight} of {entry['name']} is below 0")
    return weight


def copied(policies: Sequence[Json], mirror: Arms, clusters: Mapping[str, str]) -> list[Json]:
    """A route's mirror policies: those of strangers as they are, and one a copied candidate.

    A share of nothing has no policy, so that nothing stays behind.
    """
    others = [policy for policy in policies if policy.get("cluster") not in clusters.values()]
    copied_bp = {clusters[arm]: share for arm, share in mirror.items() if arm != BASELINE and share}
    return others + [_policy(cluster, share) for cluster, share in copied_bp.items()]


def _policy(cluster: str, share_bp: int) -> Json:
    fraction = {"numerator": share_bp, "denominator": "TEN_THOUSAND"}
    return {"cluster": cluster, "runtime_fraction": {"default_value": fraction}}


def mirrored(policies: Sequence[Json], clusters: Mapping[str, str]) -> dict[str, int]:
    """Arm -> share of requests copied to it, rounded up; the baseline has the rest."""
    found = {arm: 0 for arm in clusters if arm != BASELINE}
    for arm in found:
        ours = [policy for policy in policies if policy.get("cluster") == clusters[arm]]
        found[arm] = min(FULL_BP, sum(map(_fraction_bp, ours)))
    return {BASELINE: max(0, FULL_BP - sum(found.values()))} | found


def _fraction_bp(policy: Json) -> int:
    """Everything where no fraction is given, and where a runtime value may override it."""
    fraction = policy.get("runtime_fraction", {})
    share = fraction.get("default_value")
    if share is None or "runtime_key" in fraction:
        return FULL_BP
    size = SIZES.get(share.get("denominator", "HUNDRED"), 1)
    return -(-int(share.get("numerator", 0)) * FULL_BP // size)
