"""What does whoever runs davy want to see? Events, lag, how soon decisions come, and troubles."""

from __future__ import annotations

from infra.grafana.panels import Dashboard, Form, Panel, Query, Row

RATE = "[$__rate_interval]"


def _quantiles(metric: str, by: str = "") -> tuple[Query, ...]:
    """Half of them, and all but one in a hundred."""
    kept = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(
            expr=f"histogram_quantile({share}, sum by ({kept}) (rate({metric}_bucket{RATE})))",
            legend=f"{legend}{name}",
        )
        for share, name in ((0.5, "median"), (0.99, "99 %"))
    )


def _rates(metric: str, by: str) -> Query:
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return Query(expr=f"sum by ({by}) (rate({metric}{RATE}))", legend=legend)


EVENTS = Row(
    title="From event to pane",
    panels=(
        Panel(
            title="Events folded",
            says="A second, by topic.",
            queries=(_rates("davy_worker_accepted_events_total", "topic"),),
            unit="ops",
        ),
        Panel(
            title="Lag",
            says="Records that wait to be folded. Verdicts are that much older than the traffic.",
            queries=(
                Query(
                    expr="sum by (topic, partition) (davy_worker_partition_lag_records)",
                    legend="{{topic}}-{{partition}}",
                ),
            ),
        ),
        Panel(
            title="Events that count for nobody",
            says="Late, repeated, unusable (dead letters, with their reason).",
            queries=(
                Query(
                    expr=f"sum by (topic) (rate(davy_worker_late_events_total{RATE}))",
                    legend="late, {{topic}}",
                ),
                Query(
                    expr=f"sum by (topic) (rate(davy_worker_duplicates_events_total{RATE}))",
                    legend="repeated, {{topic}}",
                ),
                Query(
                    expr=f"sum by (topic, reason) (rate(davy_worker_dead_letters_total{RATE}))",
                    legend="{{reason}}, {{topic}}",
                ),
            ),
            unit="ops",
        ),
        Panel(
            title="Flushes",
            says="Until the broker has what was folded.",
            queries=_quantiles("davy_worker_flush_seconds", "topic"),
            unit="s",
        ),
    ),
)

SPEED = Row(
    title="From pane to traffic",
    panels=(
        Panel(
            title="Pane to decision",
            says="From the end of a pane to the log's receipt of the decision; the allowed lateness"
            " is part of it.",
            queries=_quantiles("davy_judge_decision_seconds"),
            unit="s",
            width=8,
        ),
        Panel(
            title="Decision to weights in force",
            says="From the actuator's receipt to the proof at the target.",
            queries=_quantiles("davy_actuator_apply_seconds"),
            unit="s",
            width=8,
        ),
        Panel(
            title="Pane to weights in force",
            says="The whole way.",
            queries=_quantiles("davy_actuator_effect_seconds"),
            unit="s",
            width=8,
        ),
        Panel(
            title="Decisions",
            says="By action.",
            queries=(_rates("davy_worker_decisions_total", "action"),),
            unit="ops",
            width=8,
        ),
        Panel(
            title="Refused, failed, fought over",
            says="Decisions that were not acted on, calls of targets that failed, weights that"
            " somebody else changed.",
            queries=(
                Query(
                    expr=f"sum by (reason) (rate(davy_actuator_refused_decisions_total{RATE}))",
                    legend="refused: {{reason}}",
                ),
                Query(
                    expr=f"sum by (kind) (rate(davy_actuator_target_errors_total{RATE}))",
                    legend="target: {{kind}}",
                ),
                Query(
                    expr=f"sum by (kind) (rate(davy_actuator_drifts_total{RATE}))",
                    legend="changed: {{kind}}",
                ),
            ),
            unit="ops",
            width=8,
        ),
        Panel(
            title="Since the judge was heard",
            says="Age of each live rollout's lease, and of its last pane.",
            queries=(
                Query(expr="davy_judge_lease_age_seconds", legend="{{rollout}}, lease"),
                Query(expr="davy_judge_wait_seconds", legend="{{rollout}}, pane"),
            ),
            unit="s",
            width=8,
        ),
    ),
)

PROCESSES = Row(
    title="Processes",
    panels=(
        Panel(
            title="There",
            says="1 for a process that answers Prometheus.",
            queries=(Query(expr='up{job=~"davy-.*"}', legend="{{job}} {{instance}}"),),
            form=Form.FIGURE,
            words={0: ("away", "red"), 1: ("there", "green")},
            width=8,
        ),
        Panel(
            title="Partitions",
            says="Of workers, by how they stand; `halted` ones wait for a person.",
            queries=(
                Query(expr="sum by (state) (davy_worker_partitions)", legend="{{state}}"),
                Query(
                    expr="sum by (topic, partition) (davy_worker_partition_halted == 1)",
                    legend="halted: {{topic}}-{{partition}}",
                ),
            ),
            width=8,
        ),
        Panel(
            title="Broker and registry",
            says="Seconds since a broker was heard; questions that the registry did not answer.",
            queries=(
                Query(expr="davy_worker_broker_silent_seconds", legend="{{instance}}"),
                Query(expr="davy_actuator_broker_silent_seconds", legend="{{instance}}"),
                Query(expr="davy_notify_broker_silent_seconds", legend="{{instance}} {{hook}}"),
                Query(expr="davy_exporter_broker_silent_seconds", legend="{{instance}}"),
                Query(
                    expr=f"rate(davy_worker_registry_failures_total{RATE})",
                    legend="registry, {{instance}}",
                ),
                Query(
                    expr=f"rate(davy_actuator_registry_failures_total{RATE})",
                    legend="registry, {{instance}}",
                ),
            ),
            width=8,
        ),
        Panel(
            title="Memory",
            says="Resident.",
            queries=(
                Query(
                    expr='process_resident_memory_bytes{job=~"davy-.*"}',
                    legend="{{job}} {{instance}}",
                ),
            ),
            unit="bytes",
        ),
        Panel(
            title="CPU",
            says="Cores in use.",
            queries=(
                Query(
                    expr=f'rate(process_cpu_seconds_total{{job=~"davy-.*"}}{RATE})',
                    legend="{{job}} {{instance}}",
                ),
            ),
        ),
    ),
)

OTHERS = Row(
    title="Who is told, who asks, what pods use",
    panels=(
        Panel(
            title="Hooks",
            says="What waits to be told, and what was never told.",
            queries=(
                Query(expr="sum by (hook) (davy_notify_waiting)", legend="{{hook}} waits"),
                Query(
                    expr=f"sum by (hook) (rate(davy_notify_given_up_total{RATE}))",
                    legend="{{hook}} given up",
                ),
                Query(
                    expr=f"sum by (hook, kind) (rate(davy_notify_failures_total{RATE}))",
                    legend="{{hook}} {{kind}}",
                ),
            ),
            width=8,
        ),
        Panel(
            title="Verdicts asked for",
            says="Answers to Argo Rollouts, Flagger and scripts, a second.",
            queries=(_rates("davy_verdicts_answers_total", "via, answer"),),
            unit="ops",
            width=8,
        ),
        Panel(
            title="Samples of pods",
            says="What became of them; endpoints that did not answer.",
            queries=(
                _rates("davy_exporter_samples_total", "fate"),
                _rates("davy_exporter_scrape_failures_total", "reason"),
                Query(
                    expr="davy_exporter_targets - davy_exporter_targets_answered",
                    legend="endpoints without an answer",
                ),
            ),
            width=8,
        ),
    ),
)

DAVY = Dashboard(
    uid="davy-processes",
    title="davy: its processes",
    says="Events, lag, how soon decisions come and are in force, and what is in the way.",
    variables=(),
    rows=(EVENTS, SPEED, PROCESSES, OTHERS),
)
