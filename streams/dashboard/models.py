"""What does the dashboard answer? Models of its JSON; the OpenAPI document shows the same.

Times that end in `_s` are seconds since the epoch, spans too where they say so; shares end in
`_pct` (0 to 100); e-values are natural logarithms (`log_e`); numbers that are not known are null,
never 0. Series are columns of equal length. The routes, all below `/api/v1`:

| route | answer |
|---|---|
| `GET /session` | Session: who asks, the token for commands, how far the log was read |
| `GET /rollouts?limit&before` | RolloutList: those that live first, then the newest |
| `GET /rollouts/{rollout}` | RolloutView: all that is small and holds now |
| `GET /rollouts/{rollout}/spec` | SpecDocument: the whole spec |
| `GET /rollouts/{rollout}/evidence?metric&candidate&segment` | EvidenceSeries: over time |
| `GET /rollouts/{rollout}/traffic?segment` | TrafficSeries: wanted, applied, measured over time |
| `GET /rollouts/{rollout}/distributions?kind&segment&span` | Distribution: all arms overlaid |
| `GET /rollouts/{rollout}/cohorts` | Maturity: of each outcome, how mature its labels are |
| `GET /rollouts/{rollout}/decisions?limit&before&turns` | DecisionList, the newest first |
| `GET /rollouts/{rollout}/decisions/{seq}` | DecisionView: one decision with all its evidence |
| `GET /rollouts/{rollout}/audit?limit&before` | AuditList: who did what, the newest first |
| `POST /rollouts/{rollout}/commands` | CommandSent; body CommandWanted, header `X-Davy-Token` |
| `GET /events?rollout` | server-sent events: `session` (Reading), `changed` (Changed) |

A list's `next` is the `before` of its next page, null at the end. A stream of events begins with a
`changed` of every rollout. Whatever is refused is answered by Trouble. The fields stand in
`answers/`, one file a subject. `/`, `/rollouts/{rollout}` and `/static/...` are the page;
`/v1/verdict`, `/v1/asked` and `/flagger/...` are the verdict server's.
"""

from __future__ import annotations

from streams.dashboard.answers.common import (
    Column,
    Counts,
    JudgeState,
    Reading,
    Session,
    Shares,
    State,
    Trouble,
)
from streams.dashboard.answers.evidence import (
    DriftTold,
    Evidence,
    FigureTold,
    HealthTold,
    ShadowTold,
)
from streams.dashboard.answers.rollout import (
    BreachTold,
    LeaseTold,
    MetricDeclared,
    Pause,
    RolloutList,
    RolloutSummary,
    RolloutView,
    SegmentTold,
    SpecDocument,
    StageTold,
)
from streams.dashboard.answers.series import (
    ArmDistribution,
    ArmMaturity,
    CohortTold,
    Distribution,
    EvidenceSeries,
    Kind,
    Maturity,
    OutcomeMaturity,
    Quantiles,
    Span,
    TrafficSeries,
)
from streams.dashboard.answers.story import (
    AuditEntry,
    AuditList,
    Changed,
    CommandSent,
    CommandWanted,
    DecisionList,
    DecisionTold,
    DecisionView,
    Did,
    Part,
)

__all__ = [
    "ArmDistribution",
    "ArmMaturity",
    "AuditEntry",
    "AuditList",
    "BreachTold",
    "Changed",
    "CohortTold",
    "Column",
    "CommandSent",
    "CommandWanted",
    "Counts",
    "DecisionList",
    "DecisionTold",
    "DecisionView",
    "Did",
    "Distribution",
    "DriftTold",
    "Evidence",
    "EvidenceSeries",
    "FigureTold",
    "HealthTold",
    "JudgeState",
    "Kind",
    "LeaseTold",
    "Maturity",
    "MetricDeclared",
    "OutcomeMaturity",
    "Part",
    "Pause",
    "Quantiles",
    "Reading",
    "RolloutList",
    "RolloutSummary",
    "RolloutView",
    "SegmentTold",
    "Session",
    "ShadowTold",
    "Shares",
    "Span",
    "SpecDocument",
    "StageTold",
    "State",
    "TrafficSeries",
    "Trouble",
]
