"""Objects with other weights: what is touched, what is seen, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from streams.actuator.audience import EVERYBODY, Audience, Shown
from streams.actuator.ports import Segments
from streams.actuator.routers.kube.dialect import Dialect
from streams.actuator.weights import differs, home, share_of
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.targeting import HeaderRule, PrefixRule, UserHashRule, UsersRule
from tests.actuator.kube.objects import (
    HTTP,
    ISTIO,
    KINDS,
    NOTES,
    Json,
    given,
    http_route,
    patched,
    rules,
    virtual_service,
)
from tests.actuator.targets import ARMS, split

COUNTRIES = {
    "country=SG": Shown(header="x-country", values=("SG",)),
    "country=DE": Shown(header="x-country", values=("DE",)),
    "country=other": Shown(header="x-country", values=("DE", "SG"), other=True),
}
SEGMENTS = Audience(shown=COUNTRIES | {"tier=free": Shown(header="x-tier", values=("free",))})
NAMED = Audience(
    rules=(
        HeaderRule(header="x-group", values=("beta", "gold")),
        PrefixRule(header="x-user-id", prefix="staff-"),
        UsersRule(header="x-user-id", users=("u-1",)),
    )
)
BOTH = Audience(rules=NAMED.rules, shown=COUNTRIES)
LEFT_OUT = home(ARMS, ("untargeted",))
Made = tuple[Dialect, Callable[[], Json]]
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def part(segment: str, candidate_bp: int) -> Segments:
    return {segment: split(candidate_bp)["all"]}


def without_weights(found: Json) -> Json:
    """What must stay as it is."""
    bare = copy.deepcopy(found)
    bare.pop("metadata")
    for rule in bare["spec"].get("rules") or bare["spec"].get("http"):
        for each in rule.get("backendRefs") or rule.get("route"):
            each.pop("weight", None)
    return bare


class TestWeights:
    @each_kind
    def test_nothing_else_is_touched(self, kind: Made) -> None:
        """Every operation is a weight's, or a note's."""
        dialect, make = kind
        found = make()
        after = given(found, dialect, split(2500))
        assert without_weights(after) == without_weights(found)
        assert rules(after, dialect).weights() == split(2500)
        for step in rules(found, dialect).patch(split(2500)):
            assert step["op"] == "test" or step["path"].endswith("/weight")

    @each_kind
    def test_a_replay_changes_nothing(self, kind: Made) -> None:
        """What is so already is only tested."""
        dialect, make = kind
        after = given(make(), dialect, split(2500))
        assert {step["op"] for step in rules(after, dialect).patch(split(2500))} == {"test"}

    def test_istio_weights_add_up_to_a_hundred(self) -> None:
        """Rounded down for the candidate."""
        after = given(virtual_service(), ISTIO, split(333))
        assert [each["weight"] for each in after["spec"]["http"][0]["route"]] == [97, 3]

    def test_a_weight_that_is_not_given(self) -> None:
        """Gateway API takes 1 for it, Istio 0."""
        route, service = http_route(), virtual_service()
        for ref in route["spec"]["rules"][0]["backendRefs"]:
            del ref["weight"]
        del service["spec"]["http"][0]["route"][1]["weight"]
        assert rules(route, HTTP).weights() == split(5000)
        assert rules(service, ISTIO).weights() == split(0)

    @each_kind
    def test_a_renamed_backend_is_noticed_in_the_patch_itself(self, kind: Made) -> None:
        """Names are tested, so that a weight cannot come to another backend."""
        dialect, make = kind
        tests = [step for step in rules(make(), dialect).patch(split(100)) if step["op"] == "test"]
        values = {step["value"] for step in tests}
        assert values >= ({"digits-v1", "digits-v2"} if dialect is HTTP else {"v1", "v2"})


class TestUnfit:
    def test_no_such_rule(self) -> None:
        found = http_route()
        found["spec"]["rules"][0]["name"] = "another"
        with pytest.raises(TargetNotFound, match="it has another, #1"):
            rules(found, HTTP)

    @each_kind
    def test_no_rules_at_all(self, kind: Made) -> None:
        with pytest.raises(TargetNotFound, match="it has none"):
            rules({"metadata": {}, "spec": {}}, kind[0])

    @each_kind
    def test_a_third_backend(self, kind: Made) -> None:
        """Shares would not be what they say."""
        dialect, make = kind
        found = make()
        rule = (found["spec"].get("rules") or found["spec"].get("http"))[0]
        backends = rule.get("backendRefs") or rule.get("route")
        backends.append({"name": "x", "weight": 1, "destination": {"host": "x"}})
        with pytest.raises(TargetRejected, match=r"it has .*x"):
            rules(found, dialect)

    def test_pinned_users(self) -> None:
        """They would stay with the candidate after a rollback; lowering is free."""
        found = given(http_route(), HTTP, split(2500))
        found["spec"]["rules"][0]["sessionPersistence"] = {"type": "Cookie"}
        with pytest.raises(TargetRejected, match="sessionPersistence"):
            rules(found, HTTP).patch(split(5000))
        assert rules(given(found, HTTP, split(100)), HTTP).weights() == split(100)


class TestAudience:
    @each_kind
    @pytest.mark.parametrize(
        ("audience", "weights"),
        [
            (SEGMENTS, {**split(2500), **part("country=SG", 0)}),
            (SEGMENTS, {**split(2500), **part("country=SG", 0), **part("tier=free", 1000)}),
            (SEGMENTS, {**split(2500), **part("country=other", 0)}),
            (NAMED, {**split(2500), **LEFT_OUT}),
            (BOTH, {**split(2500), **LEFT_OUT, **part("country=SG", 0)}),
            (NAMED, {**split(0), **part("mirror", 2500), **LEFT_OUT}),
            (EVERYBODY, {**split(0), **part("mirror", 700)}),
        ],
    )
    def test_what_is_written_is_seen(
        self, kind: Made, audience: Audience, weights: Segments
    ) -> None:
        """By whoever looks, from the object alone; and home again leaves no rule behind."""
        dialect, make = kind
        found = make()
        after = given(found, dialect, weights, audience)
        assert not differs(rules(after, dialect, audience).weights(), weights)
        back = given(after, dialect, home(ARMS, weights), audience)
        stripped = rules(back, dialect, audience).stripped() or []
        assert patched(back, stripped)["spec"] == found["spec"] | patched(back, stripped)["spec"]
        assert without_weights(patched(back, stripped)) == without_weights(found)

    @each_kind
    def test_let_in_by_a_stranger(self, kind: Made) -> None:
        """Whom no rule names is told to have what he gets."""
        dialect, make = kind
        after = given(make(), dialect, {**split(2500), **LEFT_OUT}, NAMED)
        listed = after["spec"]["rules" if dialect is HTTP else "http"]
        base = next(rule for rule in listed if rule.get("name") == "primary")
        (base.get("backendRefs") or base["route"])[1]["weight"] = 50
        told = rules(after, dialect, NAMED).weights()
        assert share_of(told, "untargeted", "candidate") > 0

    @each_kind
    def test_changed_by_a_stranger(self, kind: Made) -> None:
        """A match that was changed leaves nobody in doubt that something is wrong."""
        dialect, make = kind
        weights = {**split(2500), **part("country=SG", 0)}
        after = given(make(), dialect, weights, SEGMENTS)
        listed = after["spec"]["rules" if dialect is HTTP else "http"]
        own = next(rule for rule in listed if dialect.owns(rule))
        own.pop("matches", None)
        own.pop("match", None)
        told = rules(after, dialect, SEGMENTS).weights()
        assert share_of(told, "country=SG", "candidate") == 2500

    @each_kind
    def test_numbers_of_a_stranger(self, kind: Made) -> None:
        """A share that was lowered is told as such, and no segment as raised."""
        dialect, make = kind
        weights = {**split(2500), **part("country=SG", 1000)}
        after = given(make(), dialect, weights, SEGMENTS)
        lower = given(after, dialect, {**split(2000), **part("country=SG", 1000)}, SEGMENTS)
        lower["metadata"] = after["metadata"]
        told = rules(lower, dialect, SEGMENTS).weights()
        assert told == {**split(2000), **part("country=SG", 1000)}

    @each_kind
    def test_no_note_is_a_doubt(self, kind: Made) -> None:
        """Rules without the word of who wrote them."""
        dialect, make = kind
        after = given(make(), dialect, {**split(2500), **part("country=SG", 0)}, SEGMENTS)
        del after["metadata"]["annotations"][NOTES.weights_name]
        told = rules(after, dialect, SEGMENTS).weights()
        assert share_of(told, "country=SG", "candidate") == 2500

    @each_kind
    def test_hashes_are_refused(self, kind: Made) -> None:
        dialect, make = kind
        audience = Audience(rules=(UserHashRule(header="x-user-id", from_bp=0, to_bp=1000),))
        with pytest.raises(TargetRejected, match="cannot hash users"):
            rules(make(), dialect, audience).patch({**split(100), **LEFT_OUT})


class TestExact:
    def test_the_rule_looks_at_the_same_header(self) -> None:
        """A header cannot be asked twice."""
        found = http_route()
        match = found["spec"]["rules"][0]["matches"][0]
        match["headers"] = [{"type": "Exact", "name": "X-Country", "value": "SG"}]
        with pytest.raises(TargetRejected, match="looks at x-country"):
            rules(found, HTTP, SEGMENTS).patch({**split(100), **part("country=SG", 0)})

    def test_another_rule_of_the_same_path(self) -> None:
        """davy's would take requests from it."""
        found = http_route()
        headers = [{"type": "Exact", "name": "x-beta", "value": "1"}]
        match = found["spec"]["rules"][0]["matches"][0] | {"headers": headers}
        found["spec"]["rules"].append({"name": "beta", "matches": [match], "backendRefs": []})
        with pytest.raises(TargetRejected, match="rule beta matches the same path"):
            rules(found, HTTP, SEGMENTS).patch({**split(100), **part("country=SG", 0)})
        assert rules(given(found, HTTP, split(100)), HTTP).weights() == split(100)

    def test_home_is_always_open(self) -> None:
        """A rule that came later holds up no rollback: davy's go, everybody has the baseline."""
        weights = {**split(2500), **part("country=SG", 0)}
        found = given(http_route(), HTTP, weights, SEGMENTS)
        found["spec"]["rules"][0]["matches"][0]["headers"] = [
            {"type": "Exact", "name": "x-country", "value": "DE"}
        ]
        after = given(found, HTTP, home(ARMS, weights), SEGMENTS)
        assert not differs(rules(after, HTTP, SEGMENTS).weights(), split(0))

    def test_too_many_users(self) -> None:
        """The API's limits are told before it tells them."""
        users = tuple(f"u-{number}" for number in range(65))
        audience = Audience(rules=(UsersRule(header="x-user-id", users=users),))
        with pytest.raises(TargetRejected, match="65 matches in one rule"):
            rules(http_route(), HTTP, audience).patch({**split(100), **LEFT_OUT})

    def test_a_prefix_and_a_segment_of_one_header(self) -> None:
        """Equally special: nobody could say which one wins. Istio takes the first."""
        rule = PrefixRule(header="x-country", prefix="S")
        audience = Audience(rules=(rule,), shown=COUNTRIES)
        weights = {**split(2500), **LEFT_OUT, **part("country=SG", 0)}
        with pytest.raises(TargetRejected, match="one header"):
            rules(http_route(), HTTP, audience).patch(weights)
        after = given(virtual_service(), ISTIO, weights, audience)
        assert not differs(rules(after, ISTIO, audience).weights(), weights)


class TestNotes:
    def test_two_rollouts_share_an_object(self) -> None:
        """Each has notes of its own; the label stays until both are done."""
        found = given(http_route(), HTTP, split(100))
        other = type(NOTES)(of="second")
        both = patched(found, other.begin(found, NOTES.fence(found), split(100)))  # type: ignore[arg-type]
        one = patched(both, NOTES.rest(both))
        assert one["metadata"]["labels"] == {"davy.dev/canary": "in-progress"}
        none = patched(one, other.rest(one))
        assert none["metadata"]["labels"] == {}
        assert set(none["metadata"]["annotations"]) == {
            "davy.dev/fence.primary",
            "davy.dev/fence.second",
        }


class TestPromoted:
    @each_kind
    def test_rules_that_stay_are_still_understood(self, kind: Made) -> None:
        """They say who may not have the candidate; that davy is at work is not said any more."""
        dialect, make = kind
        weights = {**split(10_000), **LEFT_OUT}
        after = given(make(), dialect, weights, NAMED)
        left = patched(after, NOTES.leave(after))
        assert not differs(rules(left, dialect, NAMED).weights(), weights)
        assert left["metadata"]["labels"] == {}


shares = st.integers(0, 10_000)


@pytest.mark.property
@each_kind
@drawn(everybody=shares, country=shares, other=shares, tier=shares, targeted=st.booleans())
def test_any_weights_come_back(
    kind: Made, *, everybody: int, country: int, other: int, tier: int, targeted: bool
) -> None:
    """Whatever shares segments have: they are seen as written, in whole percent at Istio."""
    dialect, make = kind
    audience = Audience(rules=NAMED.rules * targeted, shown=SEGMENTS.shown)
    step = 1 if dialect is HTTP else 100
    weights: Segments = {
        **split(everybody // step * step),
        **part("country=SG", country // step * step),
        **part("country=other", other // step * step),
        **part("tier=free", tier // step * step),
        **(LEFT_OUT if targeted else {}),
    }
    after = given(make(), dialect, weights, audience)
    assert not differs(rules(after, dialect, audience).weights(), weights)
