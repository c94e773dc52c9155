"""Each way to spoil the record of a rollout is found, and called by its name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from streams.audit.facts import AuditLog, Gap
from streams.audit.gather import audit_log_of
from streams.audit.timeline import timeline
from streams.audit.verify import Audit, verify
from streams.cli.main import run
from streams.judge.decision_facts import Action
from streams.replay.files import Format, write_trail
from streams.replay.records import StoredRecord, Trail
from streams.wire.keys import new_pair, read_private
from streams.wire.signatures import Signer, TrustedKeys
from tests.audit.records import (
    AT_MS,
    JUDGE,
    STRANGER,
    TRUSTED,
    Records,
    commanded,
    routing,
    seal,
    state,
    whole,
)
from tests.replay.trails import SPEC


def log_of(records: Records, trusted: TrustedKeys | None = TRUSTED) -> AuditLog:
    def read(topic: str) -> list[StoredRecord]:
        return sorted(records[topic], key=lambda r: r.offset)

    return audit_log_of(SPEC.rollout, read, trusted)


def audit(records: Records, trusted: TrustedKeys | None = TRUSTED) -> Audit:
    return verify(log_of(records, trusted), signed=trusted is not None)


def gaps(records: Records, trusted: TrustedKeys | None = TRUSTED) -> set[Gap]:
    return {finding.gap for finding in audit(records, trusted).findings}


def changed(told: StoredRecord, signer: Signer | None = None, **fields: Any) -> StoredRecord:
    """The decision with other words; with the old signature where nobody signs it anew."""
    record = copy.deepcopy(told.record) | fields
    again = seal(record, told.offset, signer)
    if signer is None and told.sealed is not None and again.sealed is not None:
        again = replace(again, sealed=replace(again.sealed, headers=told.sealed.headers))
    return again


class TestWhole:
    def test_no_gap(self) -> None:
        """A true record has none, with keys and without; without them that is said."""
        records = whole()
        assert len(records["decisions"]) >= 4
        found = audit(records)
        assert (found.findings, found.remarks) == ((), ())
        assert found.decisions == len(records["decisions"])
        unverified = audit(records, None)
        assert unverified.findings == ()
        assert unverified.remarks == ("signatures were not verified: set signing.trusted",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """One way to spoil the chain, and what is found with trusted keys and without."""

    how: Callable[[list[StoredRecord]], list[StoredRecord]]
    signed: set[Gap]
    unsigned: set[Gap]


def _swap(d: list[StoredRecord]) -> list[StoredRecord]:
    one, two = replace(d[1], offset=d[2].offset), replace(d[2], offset=d[1].offset)
    return [d[0], two, one, *d[3:]]


SPOILT = {
    "dropped": Spoilt(how=lambda d: [*d[:1], *d[2:]], signed={Gap.DROPPED}, unsigned={Gap.DROPPED}),
    "first dropped": Spoilt(
        how=lambda d: d[1:],
        signed={Gap.DROPPED, Gap.NO_DECISION},
        unsigned={Gap.DROPPED, Gap.NO_DECISION},
    ),
    "swapped": Spoilt(how=_swap, signed={Gap.SWAPPED}, unsigned={Gap.SWAPPED}),
    "doubled": Spoilt(
        how=lambda d: [*d, replace(d[1], offset=99)], signed={Gap.DOUBLED}, unsigned={Gap.DOUBLED}
    ),
    "altered": Spoilt(
        how=lambda d: [d[0], changed(d[1], reason="mine"), *d[2:]],
        signed={Gap.BAD_SIGNATURE, Gap.ALTERED},
        unsigned={Gap.ALTERED},
    ),
    "re-signed by a stranger": Spoilt(
        how=lambda d: [d[0], changed(d[1], STRANGER), *d[2:]],
        signed={Gap.UNKNOWN_KEY},
        unsigned=set(),
    ),
    "altered and re-signed with the judge's own key": Spoilt(
        how=lambda d: [d[0], changed(d[1], JUDGE, reason="mine"), *d[2:]],
        signed={Gap.ALTERED},
        unsigned={Gap.ALTERED},
    ),
    "signature taken away": Spoilt(
        how=lambda d: [d[0], replace(d[1], sealed=replace(d[1].sealed, headers=())), *d[2:]],
        signed={Gap.UNSIGNED},
        unsigned=set(),
    ),
    "the last one altered": Spoilt(
        how=lambda d: [*d[:-1], changed(d[-1], JUDGE, reason="mine")],
        signed={Gap.ALTERED},
        unsigned={Gap.ALTERED},
    ),
    "tail cut off": Spoilt(
        how=lambda d: d[:-1],
        signed={Gap.TRUNCATED, Gap.NO_DECISION},
        unsigned={Gap.TRUNCATED, Gap.NO_DECISION},
    ),
    "one added at the end": Spoilt(
        how=lambda d: [*d, changed(replace(d[-1], offset=99), JUDGE, seq=len(d) + 1)],
        signed={Gap.BEYOND_STATE, Gap.ALTERED, Gap.AFTER_END},
        unsigned={Gap.BEYOND_STATE, Gap.ALTERED, Gap.AFTER_END},
    ),
    "two of one number": Spoilt(
        how=lambda d: [*d, changed(replace(d[1], offset=99), JUDGE, reason="mine")],
        signed={Gap.FORKED},
        unsigned={Gap.FORKED},
    ),
    "a forged one beside the true one": Spoilt(
        how=lambda d: [*d, changed(replace(d[1], offset=0), STRANGER, reason="mine")],
        signed={Gap.UNKNOWN_KEY},
        unsigned={Gap.FORKED},
    ),
    "another id": Spoilt(
        how=lambda d: [*d[:-1], changed(d[-1], JUDGE, decision_id="0" * 32)],
        signed={Gap.ALTERED, Gap.WRONG_ID, Gap.NO_DECISION},
        unsigned={Gap.ALTERED, Gap.WRONG_ID, Gap.NO_DECISION},
    ),
    "record edited beside its bytes": Spoilt(
        how=lambda d: [d[0], replace(d[1], record=d[1].record | {"reason": "mine"}), *d[2:]],
        signed={Gap.UNREADABLE, Gap.DROPPED},
        unsigned={Gap.UNREADABLE, Gap.DROPPED},
    ),
}


class TestChain:
    @pytest.mark.parametrize("name", SPOILT)
    @pytest.mark.parametrize("signed", [True, False])
    def test_each_is_named(self, name: str, signed: bool) -> None:  # noqa: FBT001 - parametrized
        """The codes, and no others: one deed is not a heap of findings."""
        records = whole()
        spoilt = SPOILT[name]
        records["decisions"] = spoilt.how(records["decisions"])
        expected = spoilt.signed if signed else spoilt.unsigned
        assert gaps(records, TRUSTED if signed else None) == expected

    def test_where_and_what(self) -> None:
        """A finding names the record's place and the numbers."""
        records = whole()
        records["decisions"] = SPOILT["dropped"].how(records["decisions"])
        (found,) = audit(records).findings
        assert str(found).startswith("decisions-1@2: dropped: decision #2 is missing before #3")


class TestLive:
    def test_the_judge_goes_on_meanwhile(self) -> None:
        """Decisions made while it is read are neither cut off nor anybody else's."""
        records = whole()
        decisions = records["decisions"]
        states = iter([[state(decisions[:-2])], [state(decisions)]])
        read = {**records, "routing": records["routing"][:1]}
        log = audit_log_of(
            SPEC.rollout, lambda t: next(states) if t == "judge-state" else read[t], TRUSTED
        )
        assert verify(log, signed=True).findings == ()

    def test_what_it_knew_before_must_be_there(self) -> None:
        """Read in the other order a live chain would seem cut off: this one is."""
        records = whole()
        decisions = records["decisions"]
        read = {**records, "decisions": decisions[:-1], "routing": records["routing"][:1]}
        log = audit_log_of(SPEC.rollout, lambda topic: read[topic], TRUSTED)
        assert [each.gap for each in verify(log, signed=True).findings] == [Gap.TRUNCATED]


class TestDeeds:
    def spoilt(self, change: Callable[[list[StoredRecord]], None]) -> set[Gap]:
        records = whole()
        change(records["routing"])
        return gaps(records)

    def test_raised_for_nothing(self) -> None:
        """A touch that answers no decision there is."""
        made = routing(90, "applied", 77, 5000, AT_MS + 900_000)
        assert self.spoilt(lambda r: r.append(made)) == {Gap.NO_DECISION, Gap.TRUNCATED}

    def test_raised_beyond(self) -> None:
        """More than the decision gives."""

        def more(records: list[StoredRecord]) -> None:
            for told in records[1:3]:
                told.record["applied_bp"] = {"all": {"baseline": 0, "candidate": 10_000}}

        assert self.spoilt(more) == {Gap.RAISED_BEYOND}

    def test_raised_beyond_unseen(self) -> None:
        """In the first touch that the log holds: what was there before nobody knows."""

        def more(records: list[StoredRecord]) -> None:
            del records[0]
            for told in records[:2]:
                told.record["applied_bp"] = {"all": {"baseline": 0, "candidate": 10_000}}

        assert Gap.RAISED_BEYOND in self.spoilt(more)

    def test_raised_early(self) -> None:
        """Before the decision was there; clocks of two hosts are allowed for."""

        def sooner(by_ms: int) -> Callable[[list[StoredRecord]], None]:
            def change(records: list[StoredRecord]) -> None:
                for told in records[1:3]:
                    told.record["at"] -= by_ms

            return change

        assert self.spoilt(sooner(20_000)) == set()
        assert self.spoilt(sooner(60_000)) == {Gap.RAISED_EARLY}

    def test_an_old_actuator(self) -> None:
        """A touch under an older fence than one before it."""

        def late(records: list[StoredRecord]) -> None:
            first = copy.deepcopy(records[2])
            records.append(replace(first, offset=95))

        assert self.spoilt(late) == {Gap.FENCE_BACK}

    def test_refusals_are_told(self) -> None:
        """What the actuator refused is no gap, but somebody should know."""
        records = whole()
        refused = routing(90, "refused", 3, 0, AT_MS)
        refused.record["reason"] = "unsigned: no signature"
        records["routing"].append(refused)
        found = audit(records)
        assert found.findings == ()
        assert "unsigned: no signature" in found.remarks[0]

    def test_commands(self) -> None:
        """Nobody's command is a gap; one without a reason is told."""
        records = whole()
        records["commands"] = [commanded("PAUSE", 5, actor=""), commanded("RESUME", 6, reason="")]
        found = audit(records)
        assert [finding.gap for finding in found.findings] == [Gap.NO_ACTOR]
        assert found.remarks == ("1 of 2 commands give no reason (--reason)",)

    @pytest.mark.parametrize(
        ("topic", "gap"), [("judge-state", Gap.NO_STATE), ("rollouts", Gap.NO_SPEC)]
    )
    def test_missing(self, topic: str, gap: Gap) -> None:
        records = whole()
        records[topic] = []
        assert gaps(records) == {gap}


class TestFiles:
    @pytest.mark.parametrize("form", Format)
    def test_an_export_is_audited(
        self, form: Format, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """`davy audit verify --from-files`: exit code 0 and 1, with and without the gap."""
        records = whole()
        monkeypatch.chdir(tmp_path)
        pair = new_pair(tmp_path / "keys")
        signer = Signer(read_private(pair.private))
        records["decisions"] = [seal(d.record, d.offset, signer) for d in records["decisions"]]
        monkeypatch.setenv("DAVY_SIGNING__TRUSTED", str(pair.public))

        def verified() -> tuple[int, str]:
            told = {topic: tuple(found) for topic, found in records.items()}
            write_trail(Trail(rollout=SPEC.rollout, records=told), tmp_path / "export", form)
            with pytest.raises(SystemExit) as end:
                run(["audit", "verify", "--from-files", str(tmp_path / "export")])
            return int(end.value.code or 0), capsys.readouterr().out

        count = len(records["decisions"])
        assert verified() == (0, f"{SPEC.rollout}: {count} decisions, whole\n")
        del records["decisions"][1]
        code, said = verified()
        assert code == 1
        assert "dropped: decision #2 is missing" in said
        assert said.endswith(f"{SPEC.rollout}: {count - 1} decisions, 1 gap\n")


class TestTimeline:
    def test_who_did_what(self) -> None:
        """The spec, each decision, each command and each touch, in the order of the clock."""
        records = whole()
        told = timeline(log_of(records))
        assert [moment.at_ms for moment in told] == sorted(moment.at_ms for moment in told)
        who = {moment.who for moment in told}
        assert who == {"ada", "judge", "actuator (memory)"}
        assert any(moment.what == "pause: lunch" for moment in told)
        assert sum(moment.who == "judge" for moment in told) == len(records["decisions"])
        promoted = [moment for moment in told if moment.what.startswith("#")][-1]
        assert "candidate 100%" in promoted.what
        assert Action.PROMOTE in [told.record["action"] for told in records["decisions"]]
