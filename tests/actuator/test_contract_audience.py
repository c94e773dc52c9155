"""What a router must do that says it can tell requests apart; and that others refuse."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from scipy.stats import binom

from streams.actuator.audience import Audience, Shown
from streams.actuator.ports import Desired, Fence, Outcome, Proof, Router, Segments
from streams.actuator.weights import differs, home, settled, share_of
from streams.demo.processes import wait_until
from streams.errors import TargetRejected
from streams.spec.targeting import HeaderRule, PrefixRule, UserHashRule, UsersRule
from tests.actuator.targets import ARMS, Rig, chosen, split
from tests.actuator.xxh64 import xxh64

REQUESTS = 1000
ONCE_IN_A_MILLION = 1e-6
FREE = HeaderRule(header="x-tier", values=("beta", "free"))
STAFF = PrefixRule(header="x-user-id", prefix="staff-")
COHORT = UsersRule(header="x-user-id", users=("u-1", "u-2"))
NAMED = Audience(rules=(FREE, STAFF, COHORT))
HASHED = Audience(rules=(UserHashRule(header="x-user-id", from_bp=1000, to_bp=3000),))
BOTH = Audience(rules=NAMED.rules + HASHED.rules)
COUNTRIES = {
    "country=SG": Shown(header="x-country", values=("SG",)),
    "country=DE": Shown(header="x-country", values=("DE",)),
    "country=other": Shown(header="x-country", values=("DE", "SG"), other=True),
}
TIERS = {"tier=free": Shown(header="x-tier", values=("free",))}
SEGMENTS = Audience(shown=COUNTRIES | TIERS)
LEFT_OUT = home(ARMS, ("untargeted",))
USERS = [f"user-{number}" for number in range(500)]
COPYING = ("memory", "memory_coarse", "envoy", "envoy_file", "virtualservice")
ABLE = (*COPYING, "httproute", "grpcroute")


def bucket(user: str) -> float:
    """Where a user's hash lies, in basis points."""
    return xxh64(user) % 10**8 / 10_000


def user_at(basis_points: int) -> str:
    """A user whose hash lies right above."""
    above = [user for user in USERS if bucket(user) >= basis_points]
    return min(above, key=bucket)


def put(router: Router, weights: Segments, seq: int = 1) -> None:
    """Apply weights to what is there, and wait for the proof."""
    desired = Desired(weights_bp=weights)
    fence = Fence(rollout="r1", seq=seq)
    router.apply(desired, expect=router.observe().revision, fence=fence)
    wait_until(lambda: router.verify(desired).proof is Proof.HOLDS, what=str(weights), deadline_s=5)


def seen(router: Router, weights: Segments) -> bool:
    """Whether a look shows what these weights come to there."""
    can = router.capabilities
    want = settled(weights, can.largest_weight, can.total)
    return not differs(router.observe().weights_bp, want)


def part(segment: str, candidate_bp: int) -> dict[str, dict[str, int]]:
    return {segment: split(candidate_bp)["all"]}


@pytest.mark.parametrize("rig", chosen("haproxy", "nginx_file"), indirect=True)
class TestUnable:
    def test_says_so(self, rig: Rig) -> None:
        """Nothing that it cannot do exactly stands in its capabilities."""
        can = rig.open().capabilities
        assert (can.segments, can.rules, can.mirror) == (False, frozenset(), False)

    @pytest.mark.parametrize("more", [part("country=SG", 0), part("mirror", 100)])
    def test_refuses_to_guess(self, rig: Rig, more: Segments) -> None:
        """Weights of a segment and copies touch nothing."""
        router = rig.open()
        before = router.observe()
        weights = {**split(0 if "mirror" in more else 2500), **more}
        with pytest.raises(TargetRejected, match=r"this router has one split.*`davy routers`"):
            router.apply(Desired(weights_bp=weights), expect=None, fence=Fence(rollout="r1", seq=1))
        assert router.observe() == before

    def test_segments_with_the_same_weights_are_none(self, rig: Rig) -> None:
        """A rollback of every segment is one of the whole."""
        router = rig.open()
        put(router, {**split(2500), **part("country=SG", 2500)})
        put(router, {**split(0), **part("country=SG", 0)})
        assert seen(router, split(0))


@pytest.mark.parametrize("rig", chosen(*ABLE), indirect=True)
class TestSegments:
    def test_each_has_its_weights(self, rig: Rig) -> None:
        """What is applied is seen, by another process too; the rest has those of `all`."""
        weights = {**split(2500), **part("country=SG", 0), **part("tier=free", 1000)}
        put(rig.open_for(SEGMENTS), weights)
        later = rig.open_for(SEGMENTS)
        assert seen(later, weights)
        assert share_of(later.observe().weights_bp, "country=DE", "candidate") == 2500

    def test_a_segment_comes_back(self, rig: Rig) -> None:
        """A segment that is not named any more has the weights of `all`."""
        router = rig.open_for(SEGMENTS)
        put(router, {**split(2500), **part("country=SG", 0)}, 1)
        put(router, split(2500), 2)
        assert share_of(router.observe().weights_bp, "country=SG", "candidate") == 2500

    def test_revision_tells_segments_apart(self, rig: Rig) -> None:
        """A change of one segment is a change."""
        router = rig.open_for(SEGMENTS)
        put(router, {**split(2500), **part("country=SG", 0)})
        before = router.observe().revision
        put(router, {**split(2500), **part("country=DE", 0)})
        assert router.observe().revision != before


@pytest.mark.parametrize("rig", chosen(*ABLE), indirect=True)
class TestRules:
    @pytest.mark.parametrize(
        "audience", [NAMED, HASHED, Audience(rules=NAMED.rules + HASHED.rules)]
    )
    def test_others_get_the_baseline(self, rig: Rig, audience: Audience) -> None:
        """Weights hold within the targeted traffic; the others are told to have nothing."""
        router = rig.open_for(audience)
        if not {rule.kind for rule in audience.rules} <= router.capabilities.rules:
            with pytest.raises(TargetRejected, match="cannot"):
                put(router, {**split(2500), **LEFT_OUT})
            return
        put(router, {**split(2500), **LEFT_OUT})
        assert seen(rig.open_for(audience), {**split(2500), **LEFT_OUT})

    def test_others_may_never_have_a_candidate(self, rig: Rig) -> None:
        """A desired state that says otherwise touches nothing."""
        router = rig.open_for(NAMED)
        before = router.observe()
        desired = Desired(weights_bp={**split(2500), **part("untargeted", 1)})
        with pytest.raises(TargetRejected, match="the baseline alone"):
            router.apply(desired, expect=None, fence=Fence(rollout="r1", seq=1))
        assert router.observe() == before

    def test_a_stranger_who_lets_everybody_in_is_seen(self, rig: Rig) -> None:
        """Those whom the rules leave out are told to have what the others have."""
        router = rig.open_for(NAMED)
        put(router, {**split(2500), **LEFT_OUT})
        before = router.observe()
        assert rig.unlock is not None
        rig.unlock()
        after = router.observe()
        assert share_of(after.weights_bp, "untargeted", "candidate") == 2500
        assert after.revision != before.revision
        put(router, {**split(2500), **LEFT_OUT}, 2)
        assert seen(router, {**split(2500), **LEFT_OUT})

    def test_a_target_without_rules_lets_everybody_in(self, rig: Rig) -> None:
        """A share that was there before davy came is told of everybody."""
        rig.interfere(split(300))
        router = rig.open_for(NAMED)
        wait_until(
            lambda: router.observe().weights_bp["all"]["candidate"] > 0, what="300", deadline_s=5
        )
        told = router.observe().weights_bp
        assert told["untargeted"] == told["all"]

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_finalize_lets_nobody_in(self, rig: Rig, outcome: Outcome) -> None:
        """Whatever is tidied up, whom the rules leave out has the baseline."""
        router = rig.open_for(NAMED)
        weights = {**split(0 if outcome is Outcome.ROLLED_BACK else 10_000), **LEFT_OUT}
        put(router, weights)
        router.finalize(outcome)
        wait_until(lambda: seen(router, weights), what="tidied up", deadline_s=5)


@pytest.mark.parametrize("rig", chosen(*COPYING), indirect=True)
class TestMirror:
    def test_copies_are_applied_and_seen(self, rig: Rig) -> None:
        """A mirrored share is told, and without it nothing is."""
        router = rig.open()
        put(router, {**split(0), **part("mirror", 2500)}, 1)
        assert seen(rig.open(), {**split(0), **part("mirror", 2500)})
        put(router, split(0), 2)
        assert seen(rig.open(), split(0))

    def test_copies_and_live_traffic_do_not_mix(self, rig: Rig) -> None:
        """A copied candidate with live requests would be asked twice: refused."""
        router = rig.open()
        desired = Desired(weights_bp={**split(100), **part("mirror", 100)})
        with pytest.raises(TargetRejected, match="copies"):
            router.apply(desired, expect=None, fence=Fence(rollout="r1", seq=1))


class Counting:
    """Puts weights and counts answers."""

    def put(
        self, rig: Rig, audience: Audience, weights: Segments, sign: Mapping[str, str] | None
    ) -> None:
        """Apply, and wait until a request with these headers sees a candidate."""
        assert rig.count is not None
        count = rig.count
        put(rig.open_for(audience), weights)
        if sign is not None:
            wait_until(
                lambda: "candidate" in count(20, sign), what=f"a candidate for {sign}", deadline_s=9
            )

    def assert_share(self, rig: Rig, headers: Mapping[str, str], share: float) -> None:
        assert rig.count is not None
        counted = rig.count(REQUESTS, headers)
        assert counted["baseline"] + counted["candidate"] == REQUESTS, counted
        low, high = binom.interval(1 - ONCE_IN_A_MILLION, REQUESTS, share)
        assert low <= counted["candidate"] <= high, headers


@pytest.mark.parametrize(
    "rig", chosen("envoy", "envoy_file", "httproute", "virtualservice_istiod"), indirect=True
)
class TestTraffic(Counting):
    def test_rules_by_name(self, rig: Rig) -> None:
        """Every rule lets its requests in, missing and other values stay with the baseline."""
        self.put(rig, NAMED, {**split(5000), **LEFT_OUT}, {"x-tier": "free"})
        for headers in (
            {"x-tier": "beta"},
            {"x-user-id": "staff-7"},
            {"x-user-id": "u-2"},
            {"x-tier": "paid", "x-user-id": "u-1"},
        ):
            self.assert_share(rig, headers, 0.5)
        for headers in ({}, {"x-tier": "paid"}, {"x-tier": "fre"}, {"x-user-id": "u-10"}):
            self.assert_share(rig, headers, 0.0)

    def test_segments(self, rig: Rig) -> None:
        """Each segment has its share; where two meet, the smaller one; without one, that of all."""
        weights = {**split(5000), **part("country=SG", 0), **part("tier=free", 2000)}
        self.put(rig, SEGMENTS, weights, {"x-country": "DE"})
        self.assert_share(rig, {}, 0.5)
        self.assert_share(rig, {"x-country": "SG"}, 0.0)
        self.assert_share(rig, {"x-country": "SG", "x-tier": "free"}, 0.0)
        self.assert_share(rig, {"x-country": "DE", "x-tier": "free"}, 0.2)

    def test_the_segment_of_the_undeclared(self, rig: Rig) -> None:
        """`other` is everybody who shows no declared value, nothing included."""
        self.put(rig, SEGMENTS, {**split(5000), **part("country=other", 0)}, {"x-country": "SG"})
        self.assert_share(rig, {"x-country": "FR"}, 0.0)
        self.assert_share(rig, {}, 0.0)
        self.assert_share(rig, {"x-country": "DE"}, 0.5)

    def test_rules_and_segments(self, rig: Rig) -> None:
        """Only the targeted part of a segment has the segment's share."""
        audience = Audience(rules=NAMED.rules, shown=COUNTRIES)
        weights = {**split(5000), **part("country=SG", 10_000), **LEFT_OUT}
        self.put(rig, audience, weights, {"x-tier": "free"})
        self.assert_share(rig, {"x-tier": "free", "x-country": "SG"}, 1.0)
        self.assert_share(rig, {"x-country": "SG"}, 0.0)


@pytest.mark.parametrize("rig", chosen("envoy", "envoy_file"), indirect=True)
class TestHashes(Counting):
    def test_users_by_hash(self, rig: Rig) -> None:
        """The users of the range, no others; within it a share of users, who stay as it grows."""
        self.put(rig, HASHED, {**split(5000), **LEFT_OUT}, {"x-user-id": user_at(1000)})
        half = {user for user in USERS if self.arm(rig, user) == "candidate"}
        assert half == {user for user in USERS if 1000 <= bucket(user) < 2000}
        assert rig.count is not None
        assert rig.count(100) == {"baseline": 100}
        put(rig.open_for(HASHED), {**split(10_000), **LEFT_OUT}, 2)
        wait_until(
            lambda: self.arm(rig, user_at(2000)) == "candidate", what="all of it", deadline_s=5
        )
        whole = {user for user in USERS if self.arm(rig, user) == "candidate"}
        assert whole == {user for user in USERS if 1000 <= bucket(user) < 3000}

    def test_names_and_hashes(self, rig: Rig) -> None:
        """Any rule is enough: a named one lets in whoever is outside the range, by chance then."""
        audience = Audience(rules=NAMED.rules + HASHED.rules, shown=COUNTRIES)
        weights = {**split(5000), **part("country=SG", 0), **LEFT_OUT}
        self.put(rig, audience, weights, {"x-tier": "free"})
        inside, outside = user_at(1000), user_at(3000)
        self.assert_share(rig, {"x-tier": "free", "x-user-id": outside}, 0.5)
        self.assert_share(rig, {"x-user-id": inside}, 1.0)
        self.assert_share(rig, {"x-user-id": inside, "x-country": "SG"}, 0.0)
        self.assert_share(rig, {"x-user-id": outside}, 0.0)
        self.assert_share(rig, {}, 0.0)

    def arm(self, rig: Rig, user: str) -> str:
        assert rig.count is not None
        return next(iter(rig.count(1, {"x-user-id": user})))


@pytest.mark.parametrize(
    "rig", chosen("envoy", "envoy_file", "virtualservice_istiod"), indirect=True
)
class TestCopies(Counting):
    def test_copies(self, rig: Rig) -> None:
        """The candidate is asked for a share of the requests; clients see the baseline alone."""
        assert rig.count is not None
        assert rig.copies is not None
        self.put(rig, NAMED, {**split(0), **part("mirror", 5000), **LEFT_OUT}, None)
        wait_until(lambda: self.copied(rig) > 0, what="copies", deadline_s=5)
        before = rig.copies()
        assert rig.count(REQUESTS, {"x-tier": "free"}) == {"baseline": REQUESTS}
        low, high = binom.interval(1 - ONCE_IN_A_MILLION, REQUESTS, 0.5)
        copies = rig.copies
        wait_until(lambda: copies() - before >= low, what="copies", deadline_s=5)
        assert copies() - before <= high
        assert rig.count(200, {"x-tier": "paid"}) == {"baseline": 200}
        put(rig.open_for(NAMED), {**split(0), **LEFT_OUT}, 2)
        wait_until(lambda: self.copied(rig) == 0, what="no copies", deadline_s=5)

    def copied(self, rig: Rig) -> int:
        """Copies of twenty requests."""
        assert rig.count is not None
        assert rig.copies is not None
        before = rig.copies()
        rig.count(20, {"x-tier": "free"})
        return rig.copies() - before
