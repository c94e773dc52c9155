"""KServe's objects to what they show, and to patches; its controllers are played."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actuator.ports import Fence
from streams.actuator.routers.kube.kserve_form import Form, View
from streams.actuator.routers.kube.kserve_llm import Llm
from streams.actuator.routers.kube.kserve_serverless import Serverless
from streams.actuator.routers.kube.kserve_standard import Standard
from streams.actuator.routers.kube.marks import Marks, leave
from streams.actuator.weights import measured
from streams.errors import TargetNotFound, TargetRejected
from tests.actuator.kube import kserve_played as played
from tests.actuator.kube.kserve_played import Json

CHAT = {"baseline": "chat-v1", "candidate": "chat-v2"}
SERVERLESS = Serverless(name="digits", candidate="candidate")
STANDARD = Standard(name="digits", canaries={"candidate": "v2"})
LLM = Llm(members=CHAT)


def changed(found: Mapping[str, Json], form: Form, want: Mapping[str, int]) -> dict[str, Json]:
    """The objects after the patches for these weights, status as before."""
    have = form.look(found, "").asked
    after = {name: copy.deepcopy(one) for name, one in found.items()}
    for change in form.changes(found, have, want):
        after[change.name] = jsonpatch.apply_patch(after[change.name], [*change.operations])
    return after


def arms(percent: int, total: int = 100) -> dict[str, int]:
    return {"baseline": total - percent, "candidate": percent}


def serverless(*models: str, percent: int | None = 0, unready: str = "") -> dict[str, Json]:
    """A service to which these models were deployed, the later ones with this percentage."""
    found = played.service("digits", "Knative", predictor=played.predictor(models[0]))
    found["status"] = played.serverless_status(found)
    for model in models[1:]:
        found["spec"] = {"predictor": played.predictor(model, canaryTrafficPercent=percent)}
        found["status"] = played.serverless_status(found, {f"gs://m/{unready}"})
    if percent is None:
        found["spec"]["predictor"].pop("canaryTrafficPercent", None)
    return {"digits": found}


def standard(percent: int, *others: Json, unready: str = "", **service: Any) -> dict[str, Json]:
    entries = [*others, played.canary("v2", percent, "b")]
    spec = {"predictor": played.predictor("a", name="v1", minReplicas=3), "canary": entries}
    found = played.service("digits", "Standard", **spec | service)
    found["status"] = played.standard_status(found, {f"gs://m/{unready}"})
    return {"digits": found}


def group(baseline: int, candidate: int, *, unready: str = "") -> dict[str, Json]:
    found = {"chat-v1": played.member("chat-v1", baseline)}
    found["chat-v2"] = played.member("chat-v2", candidate)
    status = played.group_status(found, {unready})
    return {name: one | {"status": copy.deepcopy(status)} for name, one in found.items()}


def reconciled(found: Mapping[str, Json], play: Callable[[Json], Json], times: int = 1) -> Json:
    (one,) = found.values()
    for _ in range(times):
        one = one | {"status": play(one)}
    return {one["metadata"]["name"]: one}


class TestServerless:
    def test_one_revision_is_no_candidate(self) -> None:
        """Whatever the field says: the one model that is there is the baseline."""
        for percent in (None, 0, 100):
            view = SERVERLESS.look(serverless("a", percent=percent), "")
            assert (view.vacant, view.asked, view.subject) == (True, arms(0), "")
            assert "canaryTrafficPercent: 0" in view.unready["candidate"]

    def test_nothing_rolled_out(self) -> None:
        """Before the first revision serves, its status says nothing."""
        found = serverless("a")
        del found["digits"]["status"]
        assert SERVERLESS.look(found, "").unready == {"candidate": "nothing is rolled out yet"}

    def test_the_latest_revision_is_the_candidate(self) -> None:
        view = SERVERLESS.look(serverless("a", "b", percent=25), "")
        assert (view.asked, view.served, view.unready) == (arms(25), arms(25), {})
        assert view.subject.startswith("digits-predictor-00002 ")

    def test_without_the_field_the_latest_has_all(self) -> None:
        """Seen before the controller acts; afterwards it is rolled out, and no candidate."""
        found = serverless("a", "b", percent=0)
        del found["digits"]["spec"]["predictor"]["canaryTrafficPercent"]
        view = SERVERLESS.look(found, "")
        assert (view.asked, view.served) == (arms(100), arms(0))
        assert SERVERLESS.look(reconciled(found, played.serverless_status), "").vacant

    def test_an_unready_revision_serves_nothing(self) -> None:
        """`latest` leads to the last that is ready: that is no share of the candidate's."""
        view = SERVERLESS.look(serverless("a", "b", percent=25, unready="b"), "")
        assert (view.asked, view.served) == (arms(25), arms(0))
        assert view.unready == {"candidate": "revision digits-predictor-00002 is not ready"}

    def test_another_candidate_is_another_subject(self) -> None:
        """And so is a predictor that was changed and has no revision yet."""
        found = serverless("a", "b")
        subject = SERVERLESS.look(found, "").subject
        assert SERVERLESS.look(serverless("a", "b", "c"), "").subject != subject
        found["digits"]["spec"]["predictor"]["model"]["storageUri"] = "gs://m/c"
        assert SERVERLESS.look(found, "").subject != subject

    @given(st.integers(0, 100))
    def test_a_share_is_set_and_served(self, percent: int) -> None:
        """Spec and status say what was asked, nothing else is touched, the subject stays."""
        found = serverless("a", "b")
        after = changed(found, SERVERLESS, arms(percent))
        assert after["digits"]["spec"]["predictor"] == (
            found["digits"]["spec"]["predictor"] | {"canaryTrafficPercent": percent}
        )
        subject = SERVERLESS.look(found, "").subject
        view = SERVERLESS.look(reconciled(after, played.serverless_status), subject)
        assert (view.asked, view.served, view.subject) == (arms(percent), arms(percent), subject)

    def test_promotion_ends_with_the_field_removed(self) -> None:
        """Then the candidate is the revision that counts as rolled out."""
        found = serverless("a", "b", percent=25)
        subject = SERVERLESS.look(found, "").subject
        assert SERVERLESS.farewell(found) == []
        whole = reconciled(changed(found, SERVERLESS, arms(100)), played.serverless_status)
        (change,) = SERVERLESS.farewell(whole)
        done = {"digits": jsonpatch.apply_patch(whole["digits"], [*change.operations])}
        done = reconciled(done, played.serverless_status)
        assert "canaryTrafficPercent" not in done["digits"]["spec"]["predictor"]
        assert SERVERLESS.look(done, subject).served == arms(100)
        assert SERVERLESS.farewell(done) == []
        assert SERVERLESS.look(done, "").vacant  # to whoever comes next it is the baseline

    def test_back_from_everything(self) -> None:
        """A candidate that was rolled out can still be sent back; KServe takes two rounds."""
        found = serverless("a", "b", percent=25)
        subject = SERVERLESS.look(found, "").subject
        whole = reconciled(changed(found, SERVERLESS, arms(100)), played.serverless_status)
        back = jsonpatch.apply_patch(
            whole["digits"],
            [*SERVERLESS.changes(whole, arms(100), arms(0))[0].operations],
        )
        once = reconciled({"digits": back}, played.serverless_status)
        assert SERVERLESS.look(once, subject).served == arms(100)
        twice = reconciled(once, played.serverless_status)
        assert SERVERLESS.look(twice, subject).served == arms(0)

    def test_the_wrong_field_is_refused(self) -> None:
        found = serverless("a", "b")
        found["digits"]["spec"]["canary"] = [played.canary("v2", 0, "b")]
        with pytest.raises(TargetRejected, match=r"spec\.canary is for mode Standard"):
            SERVERLESS.look(found, "")

    @pytest.mark.parametrize("mode", ["Standard", "RawDeployment"])
    def test_another_mode_is_refused(self, mode: str) -> None:
        """Under its present name and its former one."""
        found = played.service("digits", mode, predictor=played.predictor("a"))
        with pytest.raises(TargetRejected, match="write `mode: standard`"):
            SERVERLESS.look({"digits": found}, "")


class TestStandard:
    def test_entries_are_candidates(self) -> None:
        view = STANDARD.look(standard(25), "")
        assert (view.asked, view.served, view.unready) == (arms(25), arms(25), {})

    def test_not_told_yet(self) -> None:
        """Nothing is known to be in force before the controller speaks, and it is not ready."""
        found = standard(25)
        del found["digits"]["status"]
        view = STANDARD.look(found, "")
        assert (view.served, view.unready) == (None, {"candidate": "predictor v2 is not ready"})

    def test_unready(self) -> None:
        """KServe sends nothing to a canary that is not ready; davy raises nothing there."""
        assert STANDARD.look(standard(0, unready="b"), "").unready

    @given(st.integers(0, 100), st.integers(0, 3))
    def test_a_share_is_set_and_served(self, percent: int, before: int) -> None:
        """In the entry of that name, wherever it is in the list, and nothing else is touched."""
        others = [played.canary(f"o{n}", 0, f"o{n}") for n in range(before)]
        found = standard(10, *others)
        after = changed(found, STANDARD, arms(percent))
        expected = copy.deepcopy(found["digits"]["spec"])
        expected["canary"][before]["trafficPercent"] = percent
        assert after["digits"]["spec"] == expected
        view = STANDARD.look(reconciled(after, played.standard_status), "")
        assert (view.asked, view.served) == (arms(percent), arms(percent))
        assert view.subject == STANDARD.look(found, "").subject

    def test_a_list_that_was_sorted_anew_is_a_conflict(self) -> None:
        """The name is tested where the number is written."""
        (change,) = STANDARD.changes(standard(10), arms(10), arms(25))
        moved = standard(10, played.canary("v0", 0, "o"))["digits"]
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(moved, [*change.operations])

    def test_promotion_takes_name_and_model_over(self) -> None:
        """The number of replicas is the service's own; the entry goes, others stay."""
        found = standard(100, played.canary("v3", 0, "c"))
        (change,) = STANDARD.farewell(found)
        done = jsonpatch.apply_patch(found["digits"], [*change.operations])
        assert done["spec"]["predictor"] == played.predictor("b", name="v2", minReplicas=3)
        assert [entry["predictor"]["name"] for entry in done["spec"]["canary"]] == ["v3"]
        view = STANDARD.look({"digits": done}, "")
        assert (view.asked, view.unready) == (arms(100), {})
        assert STANDARD.farewell({"digits": done}) == []
        with pytest.raises(TargetRejected, match="apply the former predictor"):
            STANDARD.changes({"digits": done}, arms(100), arms(0))

    @pytest.mark.parametrize("found", [standard(99), standard(100, unready="b")])
    def test_no_promotion_before_it_has_all(self, found: dict[str, Json]) -> None:
        assert STANDARD.farewell(found) == []

    def test_another_model_under_the_name_is_another_subject(self) -> None:
        """The number of replicas is no model."""
        found = standard(10)
        subject = STANDARD.look(found, "").subject
        inner = found["digits"]["spec"]["canary"][0]["predictor"]
        inner["minReplicas"] = 7
        assert STANDARD.look(found, "").subject == subject
        inner["model"]["storageUri"] = "gs://m/x"
        assert STANDARD.look(found, "").subject != subject

    def test_no_entry(self) -> None:
        found = standard(10)
        found["digits"]["spec"]["canary"] = [played.canary("v3", 0, "c")]
        with pytest.raises(TargetNotFound, match=r"no entry with predictor\.name v2; it has v3"):
            STANDARD.look(found, "")

    def test_strangers_with_traffic_are_refused(self) -> None:
        with pytest.raises(TargetRejected, match="v3 takes traffic but belongs to no arm"):
            STANDARD.look(standard(10, played.canary("v3", 5, "c")), "")

    def test_the_wrong_field_is_refused(self) -> None:
        predictor = played.predictor("a", name="v1", canaryTrafficPercent=5)
        with pytest.raises(TargetRejected, match="canaryTrafficPercent is for Knative"):
            STANDARD.look(standard(10, predictor=predictor), "")

    def test_another_mode_is_refused(self) -> None:
        found = standard(10)
        found["digits"]["metadata"]["annotations"] = {}
        found["digits"]["status"]["deploymentMode"] = "Serverless"
        with pytest.raises(TargetRejected, match="write `mode: serverless`"):
            STANDARD.look(found, "")


class TestLlm:
    def test_weights_are_proportions(self) -> None:
        view = LLM.look(group(9, 1), "")
        assert measured(view.asked) == {"baseline": 9000, "candidate": 1000}
        assert (view.served, view.agreed, view.unready) == (arms(1000, 10_000), True, {})

    def test_unready_members_are_in_no_route(self) -> None:
        view = LLM.look(group(9, 1, unready="chat-v2"), "")
        assert view.served == arms(0, 10_000)
        assert "chat-v2 is not among the members" in view.unready["candidate"]

    def test_a_stopped_member_has_nothing(self) -> None:
        found = group(9, 1)
        found["chat-v2"]["metadata"]["annotations"] = {"serving.kserve.io/stop": "true"}
        view = LLM.look(found, "")
        assert (view.asked["candidate"], [*view.unready]) == (0, ["candidate"])

    def test_routes_that_disagree(self) -> None:
        """The highest share of the candidate counts, until all members route alike."""
        found = group(9, 1)
        members = found["chat-v1"]["status"]["router"]["group"]["members"]
        members[1]["weight"] = 9
        view = LLM.look(found, "")
        assert (view.served, view.agreed) == (arms(5000, 10_000), False)

    def test_a_member_that_tells_nothing(self) -> None:
        """What the others tell counts, and nothing is proven."""
        found = group(9, 1)
        del found["chat-v1"]["status"]
        view = LLM.look(found, "")
        assert (view.served, view.agreed) == (arms(1000, 10_000), False)
        del found["chat-v2"]["status"]
        assert LLM.look(found, "").served is None

    def test_the_highest_is_told_of_each_candidate(self) -> None:
        """Also where one has it in this route, and another in that."""
        names = {"baseline": "v1", "a": "v2", "b": "v3"}
        weights = {"v1": 6, "v2": 2, "v3": 2}
        made = {name: played.member(name, weight) for name, weight in weights.items()}
        status = played.group_status(made)
        found = {name: one | {"status": copy.deepcopy(status)} for name, one in made.items()}
        for name, shares in (("v1", (2, 8, 0)), ("v2", (2, 1, 7))):
            told = found[name]["status"]["router"]["group"]["members"]
            for member, weight in zip(told, shares, strict=True):
                member["weight"] = weight
        view = Llm(members=names).look(found, "")
        assert view.served == {"baseline": 0, "a": 8000, "b": 7000}

    @given(st.integers(0, 10_000), st.integers(0, 10_000))
    def test_never_more_than_before_or_after(self, before: int, after: int) -> None:
        """Patch by patch; in the end the weights are those that were asked for."""
        have, want = arms(before, 10_000), arms(after, 10_000)
        found = group(have["baseline"], have["candidate"])
        for change in LLM.changes(found, have, want):
            found[change.name] = jsonpatch.apply_patch(found[change.name], [*change.operations])
            share = measured(LLM.look(found, "").asked)["candidate"]
            assert min(before, after) <= share <= max(before, after)
        assert LLM.look(found, "").asked == want

    def test_another_group_is_a_conflict(self) -> None:
        change = LLM.changes(group(9, 1), {"baseline": 9, "candidate": 1}, arms(0, 10_000))[0]
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(played.member("chat-v2", 1, "x"), [*change.operations])

    @pytest.mark.parametrize("name", ["chat-v1", "chat-v2"])
    def test_one_group_and_a_weight_are_needed(self, name: str) -> None:
        for other in ({"group": "other", "weight": 1}, {"group": "chat"}, {}):
            found = group(9, 1)
            found[name]["spec"]["router"]["route"] = other
            with pytest.raises(TargetRejected, match=r"need one spec\.router\.route\.group"):
                LLM.look(found, "")

    def test_strangers_with_traffic_are_refused(self) -> None:
        found = group(9, 1)
        more = {"name": "chat-v3", "weight": 1}
        found["chat-v2"]["status"]["router"]["group"]["members"].append(more)
        with pytest.raises(TargetRejected, match="chat-v3 takes traffic but belongs to no arm"):
            LLM.look(found, "")

    def test_another_model_is_another_subject(self) -> None:
        """Weights and numbers of replicas are no model."""
        found = group(9, 1)
        subject = LLM.look(found, "").subject
        found["chat-v2"]["spec"]["replicas"] = 7
        found["chat-v2"]["spec"]["router"]["route"]["weight"] = 7
        assert LLM.look(found, "").subject == subject
        found["chat-v2"]["spec"]["model"]["uri"] = "hf://m/x"
        assert LLM.look(found, "").subject != subject


class TestMarks:
    @given(
        st.sampled_from([None, {}, {"a": "b"}, {"davy.dev/fence": "davy:3.9:r1"}]),
        st.sampled_from(["", "s1"]),
        st.integers(0, 20),
    )
    def test_fence_and_subject_are_left(
        self, notes: dict[str, str] | None, subject: str, claim: int
    ) -> None:
        """Whatever annotations are there; a claim is never taken back."""
        meta = {"name": "x"} if notes is None else {"name": "x", "annotations": notes}
        fence = Fence(rollout="r1", seq=4, claim=claim)
        found = {"metadata": meta}
        after = jsonpatch.apply_patch(found, leave(found, fence, subject))
        marks = Marks.of(after)
        assert (marks.subject, marks.subject_for("r1")) == (subject, subject)
        assert marks.subject_for("r2") == ""
        assert marks.fence == fence.after(Marks.of(found).fence)
        assert {**(notes or {}), **after["metadata"]["annotations"]} == (
            after["metadata"]["annotations"]
        )


def test_views_have_every_arm() -> None:
    """In every mode."""
    cases: list[tuple[Form, dict[str, Json]]] = [
        (SERVERLESS, serverless("a", "b")),
        (STANDARD, standard(10)),
        (LLM, group(9, 1)),
    ]
    for form, found in cases:
        view: View = form.look(found, "")
        assert (tuple(view.asked), tuple(view.served or ())) == (form.arms, form.arms)
