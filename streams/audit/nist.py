"""For which outcomes of the NIST AI RMF 1.0 do davy's records serve as evidence, and where?

Numbers are those of NIST AI 100-1 (January 2023), titles short and in our own words. Only what davy
itself records is named: it shows how a rollout was watched, decided and steered, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

FRAMEWORK = "NIST AI RMF 1.0 (NIST AI 100-1, January 2023)"
INTRODUCTION = (
    "What davy's own records show of how rollouts are watched, decided and steered. They are "
    "evidence for these outcomes, not proof that an organisation meets them. A field is "
    "`topic.field`, a record header `topic#header`."
)
COLUMNS = ("outcome", "what it asks, in short", "what davy records", "where", "how to see it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One outcome of the framework and what serves it."""

    outcome: str
    """Function and number: `MEASURE 2.4`."""
    title: str
    records: str
    fields: tuple[str, ...]
    """`topic.field`, deeper fields with more dots; `topic#header` for a record header."""
    commands: tuple[str, ...]

    @property
    def function(self) -> str:
        """GOVERN, MAP, MEASURE or MANAGE."""
        return self.outcome.partition(" ")[0]


EVIDENCE: tuple[Evidence, ...] = (
    Evidence(
        outcome="GOVERN 1.4",
        title="risk management and its outcomes rest on transparent controls",
        records="the whole spec of each rollout with every default, fixed by its hash; every "
        "decision with the rule that led to it",
        fields=("rollouts.spec", "rollouts.spec_hash", "decisions.spec_hash", "decisions.reason"),
        commands=("davy rollout apply", "davy explain"),
    ),
    Evidence(
        outcome="GOVERN 2.1",
        title="who is responsible for what is documented",
        records="who applied a rollout, who paused, resumed, promoted or aborted it, when and why; "
        "which key signed each decision",
        fields=(
            *("rollouts.applied_by", "commands.actor", "commands.reason", "commands.at"),
            "decisions#key_id",
        ),
        commands=("davy audit log",),
    ),
    Evidence(
        outcome="GOVERN 4.3",
        title="testing, finding incidents and sharing what is known of them are practised",
        records="every decision on a topic that any team can subscribe to; a rollout that can be "
        "exported and judged again elsewhere",
        fields=("decisions.action", "decisions.reason", "decisions.verdicts"),
        commands=("davy decisions tail", "davy replay", "davy kayenta judge"),
    ),
    Evidence(
        outcome="MAP 1.5",
        title="tolerances for risk are set and documented",
        records="the margin of each metric, its share of the probability of a false alarm, and the "
        "threshold that follows, before the first event and in each decision",
        fields=(
            *("rollouts.spec", "decisions.verdicts.margin", "decisions.verdicts.alpha_share"),
            "decisions.verdicts.log_e_harm_threshold",
        ),
        commands=("davy plan", "davy rollout apply"),
    ),
    Evidence(
        outcome="MAP 2.3",
        title="how it is tested is thought through: design, data, representativeness",
        records="what each test counts, between which panes, in which segment; a sample ratio and "
        "label checks that make verdicts invalid where data are not comparable",
        fields=(
            *("decisions.verdicts.counted", "decisions.verdicts.segment"),
            *("decisions.verdicts.first_pane", "decisions.verdicts.last_pane"),
            *("decisions.health.name", "decisions.health.ok"),
        ),
        commands=("davy explain", "davy plan"),
    ),
    Evidence(
        outcome="MAP 3.5",
        title="how people oversee the system is defined",
        records="the commands by which people steer a rollout, and up to which of them each "
        "decision had read",
        fields=("commands.command", "commands.actor", "decisions.cut.commands_offset"),
        commands=(
            *("davy rollout pause", "davy rollout resume"),
            *("davy rollout promote", "davy rollout abort"),
        ),
    ),
    Evidence(
        outcome="MEASURE 1.1",
        title="metrics are chosen by the risks that matter, and what is not measured is told",
        records="which metrics guard a rollout and which only signal; findings undecided and "
        "invalid with their reason",
        fields=(
            *("decisions.verdicts.metric", "decisions.verdicts.role"),
            *("decisions.verdicts.finding", "decisions.verdicts.reason"),
        ),
        commands=("davy rollout status",),
    ),
    Evidence(
        outcome="MEASURE 2.1",
        title="data, metrics and tools of the tests are documented",
        records="exposures and events of each test, and the cut of the log that it read; with them "
        "every figure can be computed again",
        fields=(
            *("decisions.verdicts.exposures", "decisions.verdicts.events"),
            *("decisions.cut", "decisions.steps", "panes.body"),
        ),
        commands=("davy replay", "davy explain"),
    ),
    Evidence(
        outcome="MEASURE 2.3",
        title="performance is measured under the conditions of deployment",
        records="estimates with confidence bounds from live traffic, candidate beside baseline; "
        "accuracy and business values from what became of the predictions",
        fields=(
            *("decisions.verdicts.estimate", "decisions.verdicts.low", "decisions.verdicts.high"),
            *("decisions.figures.name", "decisions.figures.value", "decisions.figures.count"),
        ),
        commands=("davy rollout status", "davy explain"),
    ),
    Evidence(
        outcome="MEASURE 2.4",
        title="behaviour is monitored in production",
        records="closed panes of every arm and segment, second by second, and the decisions that "
        "follow from them",
        fields=("panes.body", "panes.pane_ms", "decisions.verdicts", "decisions.cut.pane"),
        commands=("davy decisions tail", "davy rollout status"),
    ),
    Evidence(
        outcome="MEASURE 2.6",
        title="it fails safely, within the tolerance for risk, with known response times",
        records="rollbacks and why; when the target had the decided weights; freezes and rollbacks "
        "where the judge was silent",
        fields=(
            *("decisions.action", "decisions.reason", "routing.at", "routing.since"),
            *("routing.phase", "routing.reason", "leases.valid_ms"),
        ),
        commands=("davy audit log",),
    ),
    Evidence(
        outcome="MEASURE 2.7",
        title="security and resilience are evaluated and documented",
        records="a signature on every decision; forged, replayed and stale ones refused with the "
        "reason; bad input with its reason and origin",
        fields=(
            *("decisions#signature", "decisions#key_id", "routing.phase", "routing.reason"),
            *("dead-letters#reason", "dead-letters#topic", "dead-letters#offset"),
        ),
        commands=("davy audit verify", "davy keys show"),
    ),
    Evidence(
        outcome="MEASURE 2.8",
        title="transparency and accountability are examined",
        records="a chain of hashes over decisions: what was dropped, swapped or changed is found",
        fields=("decisions.seq", "decisions.prev_hash", "decisions.decision_id"),
        commands=("davy audit verify", "davy replay"),
    ),
    Evidence(
        outcome="MEASURE 2.11",
        title="fairness is evaluated and the results are documented",
        records="verdicts for each declared slice (country, tier, ...): harm in one of them is "
        "found though the whole looks well",
        fields=("decisions.verdicts.segment", "decisions.verdicts.finding", "routing.applied_bp"),
        commands=("davy rollout status", "davy explain"),
    ),
    Evidence(
        outcome="MEASURE 2.13",
        title="the tests themselves are evaluated",
        records="a second judge's answer on the same events; health checks of sample, labels and "
        "silence beside every verdict",
        fields=(
            *("decisions.shadows.judge", "decisions.shadows.classification"),
            *("decisions.health.name", "decisions.health.reason"),
        ),
        commands=("davy kayenta judge", "davy explain"),
    ),
    Evidence(
        outcome="MEASURE 3.1",
        title="known and emergent risks are tracked over time",
        records="changes of the baseline itself, when and which way: the world moved, no candidate "
        "is to blame",
        fields=(
            *("decisions.drifts.metric", "decisions.drifts.pane"),
            *("decisions.drifts.before", "decisions.drifts.after"),
        ),
        commands=("davy decisions tail", "davy explain"),
    ),
    Evidence(
        outcome="MANAGE 1.1",
        title="whether deployment goes on is determined",
        records="advance, hold, rollback or promote, with the evidence and the weights wanted",
        fields=("decisions.action", "decisions.terminal", "decisions.weights_bp"),
        commands=("davy explain", "davy rollout list"),
    ),
    Evidence(
        outcome="MANAGE 1.3",
        title="responses to risks are planned and documented",
        records="stages, limits, and what harm, silence and the longest time lead to, before the "
        "rollout begins",
        fields=("rollouts.spec", "decisions.stage"),
        commands=("davy plan", "davy rollout apply"),
    ),
    Evidence(
        outcome="MANAGE 2.4",
        title="a system that misbehaves can be taken out, and somebody is in charge of that",
        records="who asked for an abort; the rollback, the intent before the target was touched, "
        "and the proof that it took effect",
        fields=(
            *("commands.command", "commands.actor", "routing.phase", "routing.desired_bp"),
            *("routing.applied_bp", "routing.confirmed_until", "routing.fence"),
        ),
        commands=("davy rollout abort", "davy audit log"),
    ),
    Evidence(
        outcome="MANAGE 4.1",
        title="monitoring after deployment, override, recovery and change management are in place",
        records="every change of traffic with the decision that it answers; people's overrides; "
        "shares that somebody else moved, and what was done about it",
        fields=(
            *("routing.decision_id", "routing.fence", "routing.reason", "commands.command"),
            "decisions.weights_bp",
        ),
        commands=("davy audit log", "davy rollout status"),
    ),
    Evidence(
        outcome="MANAGE 4.3",
        title="incidents and errors are told and tracked",
        records="each harm with metric, segment and evidence, as it is found; dead letters with "
        "what to do about them",
        fields=(
            *("decisions.reason", "decisions.verdicts.finding"),
            *("dead-letters#reason", "dead-letters#advice"),
        ),
        commands=("davy decisions tail", "davy audit log"),
    ),
)


def as_markdown() -> str:
    """The table for people, function by function."""
    lines = [
        f"# Evidence for {FRAMEWORK}",
        "",
        INTRODUCTION,
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(_row(each) for each in EVIDENCE),
    ]
    return "\n".join(lines)


def _row(each: Evidence) -> str:
    told = (each.outcome, each.title, each.records, _codes(each.fields), _codes(each.commands))
    return f"| {' | '.join(told)} |"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def as_json() -> str:
    """The same for programs."""
    return json.dumps({"framework": FRAMEWORK, "evidence": list(_rows())}, indent=2)


def _rows() -> Iterator[dict[str, object]]:
    for each in EVIDENCE:
        yield {"function": each.function} | asdict(each)
