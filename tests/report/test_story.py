"""The facts of a report are those of the log: of a rollback, a promotion, and one that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from streams.errors import LogError
from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandKind
from streams.replay.records import Trail
from streams.report.evidence import MOST_POINTS, chosen, end_ms
from streams.report.facts import State
from streams.report.seen import seen_in
from streams.spec.load import parse_spec
from streams.spec.model import FULL_BP, Stage
from tests.audit.records import STRANGER, TRUSTED, seal
from tests.judge.mirror import MirrorWorld, shadow_spec
from tests.judge.outcomes.world import Answers, OutcomeWorld
from tests.judge.outcomes.world import run as run_outcomes
from tests.judge.sliced import SlicedWorld, sliced_spec
from tests.judge.world import ERRORS, PANE_MS, Model, World
from tests.replay.test_outcomes import SPEC as OUTCOME_SPEC
from tests.replay.test_outcomes import judged, log_of
from tests.replay.trails import MODELS, SPEC, decisions_of, trail_in
from tests.report.worlds import BEGIN_MS, recorded, told, whole, worlds


class TestVerdict:
    def test_of_a_rollback(self) -> None:
        report = told(recorded("errors"))
        assert report.state is State.ROLLED_BACK
        begin = "v2 did not replace v1 at digits: harm shown: errors of candidate"
        assert report.verdict.startswith(begin)
        assert report.verdict.endswith(". The target has all traffic at v1.")

    def test_of_a_promotion(self) -> None:
        report = told(recorded("good", 90))
        assert (report.state, report.stage) == (State.PROMOTED, 2)
        why = "every guardrail is shown to be harmless"
        assert report.verdict == f"v2 has replaced v1 at digits: {why}."

    def test_of_one_that_goes_on(self) -> None:
        found = recorded("good", 20)
        report, last = told(found), decisions_of(found)[-1]
        share = last.weights_bp["all"]["candidate"] / 100
        assert report.state is State.RUNNING
        assert report.verdict.startswith(
            f"Not decided yet: v2 is to have {share:g}% of the traffic of digits; "
        )

    def test_never_says_more_than_is_known_to_be_done(self) -> None:
        """An actuator that tells nothing: what was decided is told, not that it came to pass."""
        world = World(spec=SPEC, models={"candidate": MODELS["errors"]}, confirms=False)
        report = told(whole(trail_in(world, 60)))
        assert report.state is State.ROLLED_BACK
        assert report.in_effect_ms is None
        assert report.verdict.endswith("is not known to have all traffic at v1 yet.")

    def test_of_copies(self) -> None:
        asked = {30: CommandKind.ABORT}
        report = told(whole(trail_in(MirrorWorld(spec=shadow_spec()), 40, asked), asked))
        assert report.verdict == (
            "Copying requests of digits to v2 was ended: aborted by ada: says so. "
            "The target has no copies."
        )
        assert max(step.share_bp for step in report.track.wanted) == 5000
        late = report.track.measured[-12].share_bp
        assert late is not None
        assert 4000 < late < 6000


class TestEveryDecision:
    @worlds
    def test_stands_once(self, model: str, seconds: int) -> None:
        found = recorded(model, seconds)
        lines = told(found).decisions
        assert [line.decision_id for line in lines] == [
            decision.decision_id for decision in decisions_of(found)
        ]

    @given(again=st.lists(st.integers(0, 4), max_size=6))
    @examples(max_examples=15)
    def test_stands_once_however_often_it_was_written(self, again: Sequence[int]) -> None:
        """A judge that begins anew may write a decision again; that makes it no other one."""
        found = recorded("errors")
        records = found.records["decisions"]
        more = [replace(records[n], offset=100 + at) for at, n in enumerate(again)]
        lines = told(found, decisions=(*records, *more)).decisions
        assert [line.seq for line in lines] == [1, 2, 3, 4, 5]

    def test_a_forked_one_stands_beside_the_other(self) -> None:
        found = recorded("errors")
        records = found.records["decisions"]
        other = seal(records[2].record | {"reason": "hold: another word"}, 90)
        report = told(found, decisions=(*records, other))
        assert [line.seq for line in report.decisions] == [1, 2, 3, 3, 4, 5]
        assert any("forked" in finding for finding in report.chain.findings)
        assert "more than once" in " ".join(report.remarks)


class TestNumbers:
    @worlds
    def test_are_those_of_the_last_decision(self, model: str, seconds: int) -> None:
        found = recorded(model, seconds)
        last, stories = decisions_of(found)[-1], told(found).metrics
        assert [story.metric for story in stories] == [v.metric for v in last.verdicts]
        for story, verdict in zip(stories, last.verdicts, strict=True):
            assert (story.estimate, story.low, story.high, story.limit) == (
                *(verdict.estimate, verdict.low, verdict.high),
                verdict.margin,
            )
            assert story.log_e_harm == verdict.log_e_harm
            assert story.treated.events == verdict.events["candidate"]
            assert story.points[-1].seq == last.seq

    def test_requests_are_those_that_were_judged(self) -> None:
        found = recorded("errors")
        report = told(found)
        ended = decisions_of(found)[-1].cut.pane
        bodies = [each.record["body"] for each in found.records["panes"]]
        panes = [body for name, body in bodies if name == "davy.Pane" and body["pane"] <= ended]
        counts = {
            arm: sum(c["exposures"] for p in panes for c in p["cells"] if c["arm"] == arm)
            for arm in ("baseline", "candidate")
        }
        assert {arm.arm: arm.requests for arm in report.arms} == counts
        track = report.track.measured
        assert sum(each.baseline for each in track) == counts["baseline"]
        assert sum(each.candidates for each in track) == counts["candidate"]
        latency = report.distributions[0]
        assert dict(zip(latency.arms, latency.totals, strict=True)) == counts
        assert [sum(b.shares[n] for b in latency.bins) for n in (0, 1)] == pytest.approx([1, 1])

    def test_shares_go_up_as_decided_and_applied(self) -> None:
        report = told(recorded("good", 90))
        shares = [500, 5000, FULL_BP]
        assert [step.share_bp for step in report.track.wanted] == shares
        assert [step.share_bp for step in report.track.applied] == shares
        assert report.in_effect_ms == report.track.applied[-1].at_ms
        assert report.begun_ms == BEGIN_MS
        last = report.track.measured[-1].share_bp
        assert last is not None
        assert 4000 < last < 6000

    def test_slices_stand_by_themselves(self) -> None:
        stages = (Stage(weight_bp=5000, min_time_s=10), Stage(weight_bp=FULL_BP))
        spec = sliced_spec(metrics=(ERRORS,), stages=stages)
        harm = {"country=SG": Model(errors=0.4)}
        report = told(whole(trail_in(SlicedWorld(spec=spec, rate=1000, slices=harm), 40)))
        assert [story.segment for story in report.metrics] == ["all"]
        found = {story.segment: story.finding for story in report.slices}
        assert found.keys() == set(spec.slices)
        assert found["country=SG"] == "harm"
        assert not any(story.points for story in report.slices)

    def test_cohorts_are_those_that_matured(self) -> None:
        world = OutcomeWorld(spec=OUTCOME_SPEC, candidate=Answers(wrong=0.25))
        run_outcomes(world, 80)
        (story,) = seen_in(OUTCOME_SPEC, log_of(world), judged(world)).cohorts
        ended = judged(world)[-1].cut.pane
        cohorts = [c for pane in world.panes if pane.pane <= ended for c in pane.cohorts]
        matured = [cohort for cohort in cohorts if cohort.matured]
        assert story.matured == len(matured) > 0
        assert story.waiting == len({c.first_pane for c in cohorts}) - len(matured)
        for arm in story.arms:
            cells = [cohort.cells.get(("all", arm.arm)) for cohort in matured]
            assert arm.exposures == sum(cell.exposures for cell in cells if cell)
            assert sum(arm.delays) == arm.answered == sum(c.answered for c in cells if c)


class TestCourse:
    def test_people_and_actuator_stand_between_decisions(self) -> None:
        report = told(recorded("good", 30, paused=True))
        assert [(each.command, each.actor) for each in report.commands] == [
            ("pause", "ada"),
            ("resume", "ada"),
        ]
        who = [moment.who for moment in report.timeline]
        assert who[0] == "ada"  # who applied it
        assert {"judge", "actuator (memory)"} < set(who)
        times = [moment.at_ms for moment in report.timeline]
        assert times == sorted(times)
        assert any("paused by ada: says so" in moment.what for moment in report.timeline)

    def test_like_decisions_in_a_row_are_one_moment(self) -> None:
        report = told(recorded("good", 90))
        spoken = [moment.what for moment in report.timeline if moment.who == "judge"]
        assert len(spoken) < len(report.decisions)
        assert spoken[0].startswith("#1 advance (5%): ")
        assert spoken[-1].startswith(f"#{len(report.decisions)} promote (100%): ")

    def test_checks_tell_when_they_had_failed(self) -> None:
        found = recorded("good", 90)
        routing = next(check for check in told(found).health if check.name == "routing")
        first = decisions_of(found)[0]
        assert routing.failed[0].from_ms == end_ms(first)
        assert routing.failed[0].until_ms is not None

    def test_the_spec_reads_back(self) -> None:
        report = told(recorded("errors"))
        again = parse_spec(report.spec.yaml).spec
        assert (again.metrics, again.stages) == (SPEC.metrics, SPEC.stages)
        assert report.spec.applied_by == "ada"


class TestChosen:
    def test_first_last_and_turns_are_among_them(self) -> None:
        decisions = decisions_of(recorded("good", 90))
        few = chosen(decisions, most=2)
        seqs = [decision.seq for decision in few]
        assert seqs == sorted(set(seqs))
        assert (seqs[0], seqs[-1]) == (1, len(decisions))

    def test_are_few_however_many_there_were(self) -> None:
        first = decisions_of(recorded("good", 20))[0]
        flapping = [_numbered(first, n) for n in range(5000)]
        assert len(chosen(flapping)) <= 2 * MOST_POINTS + 2


def _numbered(decision: Decision, number: int) -> Decision:
    return replace(decision, seq=number + 1, stage=number % 2)


class TestRecord:
    def test_its_end_is_the_last_decision(self) -> None:
        found = recorded("errors")
        chain = told(found, TRUSTED).chain
        assert (chain.seq, chain.findings) == (5, ())
        assert chain.decision_id == decisions_of(found)[-1].decision_id
        assert chain.vouched == "signed by a trusted key"
        assert len(chain.body_hash) == 64
        assert chain.prev_hash == decisions_of(found)[-1].prev_hash

    def test_a_signature_is_no_more_than_a_word_without_keys(self) -> None:
        chain = told(recorded("errors")).chain
        assert (
            chain.vouched == "signed, by its own word; nobody verified it here: set signing.trusted"
        )
        assert chain.key_id is not None

    def test_who_is_not_trusted_is_told(self) -> None:
        found = recorded("errors")
        forged = tuple(
            seal(each.record, each.offset, STRANGER) for each in found.records["decisions"]
        )
        assert told(found, TRUSTED, decisions=forged).chain.vouched.startswith("unknown_key: ")

    def test_a_torn_chain_is_told(self) -> None:
        found = recorded("errors")
        records = found.records["decisions"]
        report = told(found, decisions=(*records[:1], *records[2:]))
        assert any("dropped" in finding for finding in report.chain.findings)
        assert len(report.decisions) == len(records) - 1

    def test_without_the_judges_state_the_end_is_open(self) -> None:
        report = told(recorded("errors"), **{"judge-state": ()})
        assert any("no_state" in finding for finding in report.chain.findings)


class TestMissing:
    def test_panes(self) -> None:
        """Long after, decisions are still there, and what is missing is said."""
        report = told(recorded("errors"), panes=())
        assert (report.distributions, report.track.measured) == ((), ())
        assert [arm.requests for arm in report.arms] == [None, None]
        assert "`panes` no longer holds" in report.remarks[0]
        assert len(report.decisions) == 5

    def test_some_panes(self) -> None:
        found = recorded("errors")
        report = told(found, panes=found.records["panes"][:9])
        assert report.remarks[0].startswith("`panes` holds 4 of the ")

    def test_a_rollout_that_nobody_knows(self) -> None:
        other = Trail(rollout="digits-9", records=recorded("errors").records)
        with pytest.raises(LogError, match=r"nothing of rollout `digits-9`; `davy rollout list`"):
            told(other)

    def test_no_decision_yet(self) -> None:
        with pytest.raises(LogError, match=r"applied by ada at 2023-11-14 .* nothing was decided"):
            told(recorded("errors"), decisions=(), **{"judge-state": ()})

    def test_no_decision_that_can_be_read(self) -> None:
        found = recorded("errors")
        spoilt = tuple(
            replace(each, record={"rollout": each.record["rollout"]}, sealed=None)
            for each in found.records["decisions"]
        )
        with pytest.raises(LogError, match="none of the 5 decisions of rollout `digits-2`"):
            told(found, decisions=spoilt)


def test_pane_length_is_the_worlds() -> None:
    """Times of the report are event times: panes of a second."""
    report = told(recorded("errors"))
    panes = decisions_of(recorded("errors"))[-1].cut.pane + 1 - BEGIN_MS // PANE_MS
    assert report.until_ms - report.begun_ms == panes * PANE_MS
