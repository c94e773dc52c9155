"""A log with every topic, on each broker, and the records that tests put into it."""

import pytest

from streams.cli.log import Log
from streams.cli.main import run
from streams.judge.decision_facts import Action, Decision, Finding, Verdict
from streams.judge.facts import Cut
from streams.judge.record import decision_to_record
from streams.settings import Settings
from streams.topics import create_topics


@pytest.fixture
def settings(broker, prefix):
    return Settings(
        bootstrap=broker.bootstrap, prefix=prefix, source_partitions=1, rollout_partitions=3
    )


@pytest.fixture
def log(settings):
    create_topics(settings)
    return Log(settings)


@pytest.fixture
def davy(settings, capsys):
    """`davy("rollout", "list")` -> (exit code, stdout, stderr)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        where = ("--bootstrap", settings.bootstrap, "--prefix", settings.prefix)
        with pytest.raises(SystemExit) as end:
            run([*arguments, *where])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def decide(log):
    """Write a decision of a rollout, as the judge does."""

    def write(rollout: str, seq: int, action: Action = Action.HOLD) -> None:
        verdict = Verdict(
            metric="errors",
            kind="errors",
            role="guardrail",
            segment="all",
            candidate="candidate",
            finding=Finding.UNDECIDED,
            reason="not_enough_data",
            unit="ratio",
            estimate=1.02,
            low=0.5,
            high=2.0,
            margin=1.25,
            log_e_harm=0.1,
            log_e_harm_threshold=6.4,
            log_e_safe=0.2,
            log_e_safe_threshold=3.0,
            alpha_share=0.0017,
            exposures={"baseline": 980, "candidate": 20},
            events={"baseline": 9, "candidate": 0},
            first_pane=1,
            last_pane=9,
        )
        decision = Decision(
            rollout=rollout,
            decision_id=f"{seq:032x}",
            seq=seq,
            spec_hash="0" * 32,
            action=action,
            reason="dwell: stays for the stage's least time",
            stage=0,
            terminal=False,
            weights_bp={"all": {"baseline": 9800, "candidate": 200}},
            verdicts=(verdict,),
            health=(),
            pane_ms=1000,
            cut=Cut(pane=9),
            steps=(),
            prev_hash="",
        )
        log.write("decisions", rollout, decision_to_record(decision))

    return write
