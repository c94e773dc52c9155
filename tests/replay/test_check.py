"""A recorded decision that does not follow from the log is found, and where it differs is told."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from streams.errors import LogError
from streams.judge.facts import CommandKind
from streams.replay.check import E_VALUES_AGREE, Checked, Outcome, check
from streams.replay.files import Format, read_trail, write_trail
from streams.replay.records import Trail
from tests.judge.world import World
from tests.replay.trails import MODELS, SPEC, decisions_of, stored, trail, trail_in, with_decision


def tampered(found: Trail, place: int, *, verdict: str, key: Any = None, by: float = 1) -> Trail:
    """The trail with one figure of a decision's first verdict moved."""
    record = copy.deepcopy(found.decisions[place].record)
    holder = record["verdicts"][0]
    if key is not None:
        holder, verdict = holder[verdict], key
    holder[verdict] += by
    return with_decision(found, place, record)


def outcomes(checked: list[Checked]) -> list[Outcome]:
    return [each.outcome for each in checked]


def without_panes(found: Trail, *, first: int) -> Trail:
    """What is left when retention has removed the first records of `panes`."""
    records = {**found.records, "panes": found.records["panes"][first:]}
    return Trail(rollout=found.rollout, records=records)


class TestSame:
    @pytest.mark.parametrize("model", MODELS)
    def test_every_decision_of_every_kind(self, model: str) -> None:
        checked = check(trail(model, 90))
        assert set(outcomes(checked)) == {Outcome.OK}
        assert checked[-1].recorded.decision.terminal

    def test_with_commands(self) -> None:
        asked = {5: CommandKind.PAUSE, 12: CommandKind.RESUME, 30: CommandKind.ABORT}
        found = trail_in(World(spec=SPEC), 60, asked)
        assert decisions_of(found)[-1].reason.startswith("aborted")
        assert set(outcomes(check(found))) == {Outcome.OK}

    def test_with_a_promotion_that_counts_while_it_is_fresh(self) -> None:
        """When it was asked stands in its record: with another time it comes to something else."""
        found = trail_in(World(spec=SPEC), 30, {20: CommandKind.PROMOTE})
        assert decisions_of(found)[-1].reason.startswith("promoted_by_person")
        assert set(outcomes(check(found))) == {Outcome.OK}
        (asked,) = found.records["commands"]
        earlier = stored(asked.offset, asked.record | {"at": asked.record["at"] - 7_200_000})
        again = Trail(rollout="digits-2", records={**found.records, "commands": (earlier,)})
        assert outcomes(check(again))[-1] is Outcome.DIFFERS

    def test_a_repetition_counts_once(self) -> None:
        found = trail()
        twice = (*found.records["decisions"], stored(99, found.decisions[0].record))
        again = Trail(rollout=found.rollout, records={**found.records, "decisions": twice})
        assert outcomes(check(again)) == outcomes(check(found))


class TestTampered:
    def test_an_event_count(self) -> None:
        found = check(tampered(trail(), 2, verdict="events", key="candidate"))
        assert outcomes(found) == [Outcome.OK, Outcome.OK, Outcome.DIFFERS, *[Outcome.OK] * 2]
        assert found[2].difference is not None
        assert found[2].difference.field == "verdicts[0].events.candidate"
        assert int(found[2].difference.recorded) == int(found[2].difference.judged) + 1
        assert found[2].e_gap == 0.0

    def test_an_e_value_by_a_millionth(self) -> None:
        (*_, found) = check(tampered(trail(), -1, verdict="log_e_harm", by=1e-6))
        assert found.outcome is Outcome.DIFFERS
        assert str(found.difference).startswith("verdicts[0].log_e_harm: recorded ")
        assert found.e_gap == pytest.approx(1e-6, rel=1e-6)
        assert found.e_gap > E_VALUES_AGREE

    def test_a_second_decision_of_one_number(self) -> None:
        """The first is judged, the other is compared with what was judged."""
        found = trail()
        forged = copy.deepcopy(found.decisions[1].record) | {"action": "promote"}
        records = (*found.records["decisions"], stored(99, forged))
        checked = check(Trail(rollout="digits-2", records={**found.records, "decisions": records}))
        differing = [each for each in checked if each.outcome is not Outcome.OK]
        assert [(each.recorded.offset, each.recorded.decision.seq) for each in differing] == [
            (99, 2)
        ]

    def test_another_order_of_maps(self) -> None:
        found = trail()
        record = copy.deepcopy(found.decisions[0].record)
        weights = record["weights_bp"]["all"]
        record["weights_bp"]["all"] = dict(reversed(weights.items()))
        first, *_ = check(with_decision(found, 0, record))
        assert (first.outcome, first.difference and first.difference.field) == (
            Outcome.DIFFERS,
            "bytes",
        )

    def test_a_cut_beyond_the_log(self) -> None:
        found = trail()
        record = copy.deepcopy(found.decisions[2].record)
        record["cut"]["pane"] += 10**15
        checked = check(with_decision(found, 2, record))
        assert outcomes(checked) == [Outcome.OK] * 2 + [Outcome.NOT_JUDGED] * 3
        assert "is missing: `panes` ends with pane" in checked[2].why


class TestMissing:
    @pytest.mark.parametrize("first", [1, 40])
    def test_panes_that_retention_removed(self, first: int) -> None:
        with pytest.raises(LogError, match=r"no activation of it is left.*retention\.ms"):
            check(without_panes(trail(), first=first))

    def test_the_activation_of_one_partition(self) -> None:
        found = trail()
        panes = [copy.deepcopy(each.record) for each in found.records["panes"]]
        for record in panes:
            record["source_partitions"] = 2
        kept = tuple(stored(n, record) for n, record in enumerate(panes))
        broken = Trail(rollout="digits-2", records={**found.records, "panes": kept})
        with pytest.raises(LogError, match="its activation on source partition 1 is missing"):
            check(broken)

    def test_a_decision_in_between(self) -> None:
        found = trail()
        kept = (*found.records["decisions"][:1], *found.records["decisions"][2:])
        with pytest.raises(LogError, match="decision #2 is missing"):
            check(Trail(rollout="digits-2", records={**found.records, "decisions": kept}))

    def test_the_spec(self) -> None:
        broken = Trail(rollout="digits-2", records={**trail().records, "rollouts": ()})
        with pytest.raises(LogError, match=r"rollouts: the spec .* is missing"):
            check(broken)

    def test_every_decision(self) -> None:
        with pytest.raises(LogError, match="there is no decision of rollout"):
            check(Trail(rollout="digits-2", records={**trail().records, "decisions": ()}))

    def test_records_that_are_not_usable_are_passed_over(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As the judge passes them over: here a routing record of an unknown phase."""
        found = trail()
        odd = stored(999, found.records["routing"][0].record | {"phase": "dreamt"})
        records = {**found.records, "routing": (*found.records["routing"], odd)}
        checked = check(Trail(rollout="digits-2", records=records))
        assert set(outcomes(checked)) == {Outcome.OK}
        assert "skipped routing-1@999" in caplog.text


class TestFiles:
    @pytest.mark.parametrize("form", Format)
    def test_travel_without_a_change(self, form: Format, tmp_path: Path) -> None:
        found = trail()
        write_trail(found, tmp_path / "first", form)
        read = read_trail("digits-2", tmp_path / "first")
        assert [each.body for each in read.decisions] == [each.body for each in found.decisions]
        assert set(outcomes(check(read))) == {Outcome.OK}
        write_trail(read, tmp_path / "second", form)
        assert read_trail("digits-2", tmp_path / "second") == read

    def test_one_format_takes_the_place_of_the_other(self, tmp_path: Path) -> None:
        write_trail(trail(), tmp_path, Format.JSONL)
        write_trail(trail(), tmp_path, Format.AVRO)
        assert {path.suffix for path in tmp_path.iterdir()} == {".avro"}

    def test_what_other_rollouts_and_later_panes_told_stays_behind(self) -> None:
        """Progress is kept until the last decision's pane is closed."""
        found = trail("errors", 90)
        closed = [
            each.record["body"][1]["closed_through"]
            for each in found.records["panes"]
            if each.record["body"][0] == "davy.Progress"
        ]
        assert closed[-1] == decisions_of(found)[-1].cut.pane

    def test_a_missing_file(self, tmp_path: Path) -> None:
        write_trail(trail(), tmp_path, Format.JSONL)
        (tmp_path / "panes.jsonl").unlink()
        with pytest.raises(LogError, match=r"panes.jsonl or panes.avro is missing"):
            read_trail("digits-2", tmp_path)

    @pytest.mark.parametrize(
        ("name", "text", "told"),
        [
            ("panes.jsonl", "{", r"panes.jsonl:1: no JSON"),
            ("panes.jsonl", "[1]\n", r"panes.jsonl:1: no record of an export: key, partition"),
            ("panes.avro", "rubbish", r"panes.avro: no Avro container file"),
        ],
    )
    def test_garbage(self, tmp_path: Path, name: str, text: str, told: str) -> None:
        write_trail(trail(), tmp_path, Format(name.rpartition(".")[2]))
        (tmp_path / name).write_text(text)
        with pytest.raises(LogError, match=told):
            read_trail("digits-2", tmp_path)

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(LogError, match="cannot be written"):
            write_trail(trail(), tmp_path / "file", Format.JSONL)
