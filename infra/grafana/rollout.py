"""What does a person want to see of one rollout? Its course, its traffic, and the evidence."""

from __future__ import annotations

from infra.grafana.panels import Dashboard, Form, Panel, Query, Row, Variable

ONE = 'service=~"$service",rollout=~"$rollout"'
METRIC = f'{ONE},segment=~"$segment",metric=~"$metric"'
NAMED = "{{metric}} of {{arm}} ({{segment}})"
PART = "percentunit"

COURSE = Row(
    title="Where it stands",
    panels=(
        Panel(
            title="Status",
            says="What the actuator has done with the rollout; told until its target is let go.",
            queries=(Query(expr=f"davy_rollout_status{{{ONE}}}", legend="{{rollout}}"),),
            form=Form.FIGURE,
            width=5,
            height=5,
            words={0: ("running", "blue"), 1: ("promoted", "green"), 2: ("rolled back", "red")},
        ),
        Panel(
            title="Stage",
            says="Counted from 1; 0 before the first stage and after a rollback.",
            queries=(Query(expr=f"davy_rollout_stage{{{ONE}}} + 1", legend="{{rollout}}"),),
            form=Form.FIGURE,
            width=4,
            height=5,
        ),
        Panel(
            title="Share of the candidates",
            says="Of all requests, as the target is known to have it.",
            queries=(
                Query(
                    expr=f'davy_rollout_weight{{{ONE},segment="all",arm!="baseline"}}',
                    legend="{{arm}}",
                ),
            ),
            form=Form.FIGURE,
            unit="percent",
            width=5,
            height=5,
        ),
        Panel(
            title="Failed health checks",
            says="Any failure makes verdicts invalid or holds raises; it never counts as harm.",
            queries=(
                Query(
                    expr='davy_judge_health_failed{rollout=~"$rollout"} == 1', legend="{{check}}"
                ),
            ),
            form=Form.FIGURE,
            width=5,
            height=5,
            limit=1,
        ),
        Panel(
            title="Judge",
            says="Seconds since its lease was renewed. An actuator that hears none raises nothing.",
            queries=(
                Query(
                    expr='davy_judge_lease_age_seconds{rollout=~"$rollout"}', legend="{{rollout}}"
                ),
            ),
            form=Form.FIGURE,
            unit="s",
            width=5,
            height=5,
            limit=30,
        ),
    ),
)

EVIDENCE = Row(
    title="Evidence",
    panels=(
        Panel(
            title="Traffic: what is, and what is wanted",
            says="Applied shares follow decisions as fast as the target does.",
            queries=(
                Query(
                    expr=f'davy_rollout_weight{{{ONE},segment=~"$segment|mirror"}}',
                    legend="{{arm}} ({{segment}})",
                ),
                Query(
                    expr=f'davy_rollout_desired_weight{{{ONE},segment=~"$segment|mirror"}}',
                    legend="{{arm}} ({{segment}}), wanted",
                ),
            ),
            unit="percent",
        ),
        Panel(
            title="What entered the tests",
            says="Requests or users by arm. A line that does not rise says that nobody is heard.",
            queries=(
                Query(
                    expr=f"davy_rollout_metric_exposures{{{METRIC}}}",
                    legend=NAMED,
                ),
            ),
        ),
        Panel(
            title="Harm: e-value against its limit",
            says="On the log scale: 100 % takes the candidate back. It may fall again.",
            queries=(
                Query(
                    expr=f"clamp_min(davy_rollout_log_e_harm{{{METRIC}}}, 0)"
                    f" / davy_rollout_log_e_harm_limit{{{METRIC}}}",
                    legend=NAMED,
                ),
            ),
            unit=PART,
            limit=1,
        ),
        Panel(
            title="No harm: e-value against its limit",
            says="On the log scale: promotion needs 100 % for every guardrail.",
            queries=(
                Query(
                    expr=f"clamp_min(davy_rollout_log_e_safe{{{METRIC}}}, 0)"
                    f" / davy_rollout_log_e_safe_limit{{{METRIC}}}",
                    legend=NAMED,
                ),
            ),
            unit=PART,
            limit=1,
        ),
    ),
)

METRICS = Row(
    title="Metrics",
    panels=(
        Panel(
            title="$metric",
            says="Candidate against baseline with the interval that holds at all times, and the"
            " limit that is tested. The unit is the verdict's: ratio, share, nats or ms.",
            queries=(
                Query(
                    expr=f"davy_rollout_metric_analysis{{{METRIC}}}",
                    legend="{{arm}} ({{segment}}), {{unit}}",
                ),
                Query(expr=f"davy_rollout_metric_low{{{METRIC}}}", legend="{{arm}}, low"),
                Query(expr=f"davy_rollout_metric_high{{{METRIC}}}", legend="{{arm}}, high"),
                Query(expr=f"davy_rollout_metric_margin{{{METRIC}}}", legend="{{arm}}, limit"),
            ),
            repeat="metric",
        ),
    ),
)

FINDINGS = Row(
    title="Findings",
    panels=(
        Panel(
            title="What the evidence says now",
            says="The last decision, metric by metric.",
            queries=(
                Query(
                    expr="sum by (rollout, arm, segment, metric, finding)"
                    f" (davy_rollout_metric_finding{{{ONE}}})"
                ),
            ),
            form=Form.TABLE,
            width=24,
            height=10,
        ),
    ),
)

ROLLOUT = Dashboard(
    uid="davy-rollout",
    title="davy: one rollout",
    says="Where a rollout stands, what traffic it has, and what the evidence says.",
    variables=(
        Variable(
            name="service", label="Service", query="label_values(davy_rollout_stage, service)"
        ),
        Variable(
            name="rollout",
            label="Rollout",
            query='label_values(davy_rollout_stage{service=~"$service"}, rollout)',
        ),
        Variable(
            name="segment",
            label="Segment",
            query=f"label_values(davy_rollout_metric_finding{{{ONE}}}, segment)",
            many=True,
            value="all",
        ),
        Variable(
            name="metric",
            label="Metric",
            query=f"label_values(davy_rollout_metric_finding{{{ONE}}}, metric)",
            many=True,
        ),
    ),
    rows=(COURSE, EVIDENCE, METRICS, FINDINGS),
)
