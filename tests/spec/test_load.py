"""Four facts suffice, every value knows its source, and mistakes name their line."""

import pytest

from streams.errors import SpecError
from streams.spec.arms import rollout_id
from streams.spec.load import load_spec, parse_spec
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import Candidate, RolloutSpec, Stage, Target
from streams.spec.provenance import Origin

FACTS = """\
service: digits
baseline: v1
candidate: v2
route: {envoy: {rds: /run/rds.json}}
"""


def parse(text=""):
    return parse_spec(FACTS + text, name="spec.yaml")


def metric(loaded, name):
    return next(metric for metric in loaded.spec.metrics if metric.name == name)


class TestFourFacts:
    def test_everything_else_has_a_default(self):
        spec = parse().spec
        assert spec.rollout == "digits-v2"
        assert spec.route == "default"
        assert spec.candidates == (Candidate(name="candidate", version="v2"),)
        assert spec.target == Target(router="envoy", options={"rds": "/run/rds.json"})
        assert spec.stages == (
            Stage(weight_bp=100, min_time_s=7200, min_exposures=50),
            Stage(weight_bp=1000, min_time_s=43_200, min_exposures=50),
            Stage(weight_bp=10_000),
        )
        assert (spec.alpha_rollback, spec.alpha_promote) == (0.01, 0.05)
        assert (spec.timeout_s, spec.lease_s, spec.silence_rollback_s) == (30, 30, 90)

    def test_silence_is_counted_in_leases_unless_told(self):
        """Nothing is raised after one, and traffic goes back after three."""
        assert parse("lease: 1m\n").spec.silence_rollback_s == 180
        assert parse("lease: 1m\nsilence_rollback: 10m\n").spec.silence_rollback_s == 600
        assert parse("silence_rollback: never\n").spec.silence_rollback_s is None

    @pytest.mark.parametrize(("text", "facts"), [("", {}), ("lease: 1m\n", {"lease_s": 60.0})])
    def test_a_spec_made_in_code_has_the_same_defaults(self, text, facts):
        told = parse(text).spec
        named = ("rollout", "service", "baseline", "candidates", "target", "stages", "metrics")
        made = RolloutSpec(**{name: getattr(told, name) for name in named}, **facts)
        assert made == told

    def test_default_guardrails_are_those_of_the_design(self):
        guardrail = {"role": Role.GUARDRAIL}
        latency = guardrail | {"kind": MetricKind.LATENCY, "margin": 0.1}
        assert parse().spec.metrics == (
            Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25, floor=0.001, **guardrail),
            Metric(name="success", kind=MetricKind.SUCCESS, floor=0.995, **guardrail),
            Metric(name="p50", quantile=0.5, **latency),
            Metric(name="p95", quantile=0.95, **latency),
            Metric(name="p99", quantile=0.99, **latency),
            Metric(name="classes", kind=MetricKind.CLASSES, threshold=0.05, **guardrail),
        )

    def test_versions_keep_the_text_that_was_written(self):
        text = FACTS.replace("v1", "1.10").replace("v2", "012")
        spec = parse_spec(text).spec
        assert (spec.baseline, spec.candidates[0].version) == ("1.10", "012")

    def test_a_file_is_read_and_named(self, tmp_path):
        path = tmp_path / "digits.yaml"
        path.write_text(FACTS)
        assert load_spec(path).provenance["baseline"].at == f"{path}:2"

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(SpecError, match=r"gone\.yaml: cannot be read"):
            load_spec(tmp_path / "gone.yaml")


class TestProvenance:
    def test_file_default_and_derived(self):
        told = parse("stages: [5%, 100%]\nguardrails:\n  p99: +5%\n").provenance
        assert (told["service"].origin, told["service"].at) == (Origin.FILE, "spec.yaml:1")
        assert told["rollout"].origin is Origin.DERIVED
        assert told["route.name"].origin is Origin.DEFAULT
        assert told["metrics.p99.margin"].at == "spec.yaml:7"
        assert told["metrics.p50.margin"].origin is Origin.DEFAULT
        assert told["stages[0].weight"].at == "spec.yaml:5"
        assert told["stages[0].min_exposures"].origin is Origin.DEFAULT

    def test_each_option_of_the_router(self):
        text = FACTS.replace("{envoy: {rds: /run/rds.json}}", "\n  envoy:\n    rds: /r.json\n")
        told = parse_spec(text, name="spec.yaml").provenance
        assert (told["route.envoy"].at, told["route.envoy.rds"].at) == (
            "spec.yaml:5",
            "spec.yaml:6",
        )

    def test_nothing_in_the_spec_is_without_a_source(self):
        told = parse("signals: {scores: 0.02}\ntimeout: 5s\n").provenance
        assert all(source.at for source in told.values() if source.origin is not Origin.DEFAULT)


class TestStages:
    def test_short_and_long_form(self):
        long = "{weight: 25%, min_time: 15s, max_time: 5m, min_exposures: 500}"
        spec = parse(f"stages: [2% for 10s, {long}, 100%]\n").spec
        assert spec.stages == (
            Stage(weight_bp=200, min_time_s=10, min_exposures=50),
            Stage(weight_bp=2500, min_time_s=15, max_time_s=300, min_exposures=500),
            Stage(weight_bp=10_000),
        )


class TestGuardrails:
    def test_a_line_changes_one_metric_and_leaves_the_others_on_guard(self):
        loaded = parse("guardrails: {errors: {margin: +50%, floor: 0.5pp, weight: 2}}\n")
        assert metric(loaded, "errors") == Metric(
            name="errors", kind=MetricKind.ERRORS, margin=0.5, floor=0.005, weight=2
        )
        assert len(loaded.spec.metrics) == 6

    def test_off_turns_one_off(self):
        names = [m.name for m in parse("guardrails: {p50: off, classes: off}\n").spec.metrics]
        assert names == ["errors", "success", "p95", "p99"]

    def test_defaults_off_starts_from_nothing(self):
        names = [m.name for m in parse("guardrails: {defaults: off, p99.9: 2x}\n").spec.metrics]
        assert names == ["p99.9"]

    def test_a_signal_takes_its_guardrail_away(self):
        loaded = parse("signals: {classes: 0.1, scores: 0.02}\n")
        assert metric(loaded, "classes").role is Role.SIGNAL
        assert metric(loaded, "scores").threshold == 0.02
        assert [m.name for m in loaded.spec.metrics].count("classes") == 1

    def test_any_quantile_is_a_latency(self):
        assert metric(parse("guardrails: {p99.9: +20%}\n"), "p99.9").quantile == 0.999

    def test_order_in_the_file_does_not_change_the_hash(self):
        one = parse("guardrails: {p90: +5%, errors: 2x}\n").spec.spec_hash
        assert parse("guardrails: {errors: 2x, p90: +5%}\n").spec.spec_hash == one


class TestRolloutId:
    def test_plain_names_are_kept(self):
        assert rollout_id("digits", ["v2"]) == "digits-v2"

    def test_what_was_replaced_does_not_collide(self):
        assert rollout_id("a b", ["v"]) != rollout_id("a/b", ["v"])

    def test_long_versions_fit_a_name(self):
        assert len(rollout_id("s" * 200, ["v" * 200])) <= 128

    def test_several_candidates(self):
        text = FACTS.replace("candidate: v2", "candidates: {fast: v2, small: v3}")
        spec = parse_spec(text).spec
        assert spec.rollout == "digits-v2-v3"
        assert spec.arms == ("baseline", "fast", "small")


REFUSED = [
    ("stages: [10%, 2%, 100%]", 5, "weights must rise"),
    ("stages: [2%, 10%]", 5, "add `100%`"),
    ("stages:\n  - 2%\n  - {weight: 1%, min_time: 1h}\n  - 100%", 7, "weights must rise"),
    ("stages: [2% for ever, 100%]", 5, "`10s`"),
    ("stages: [{weight: 2%, min_time: 5m, max_time: 1m}, 100%]", 5, "raise max_time"),
    ("stages: [{min_time: 5m}, 100%]", 5, "add e.g. `weight: 2%`"),
    ("stages: [{weight: 2%, mintime: 5m}, 100%]", 5, "did you mean `min_time`?"),
    ("stages: 100%", 5, "write a list"),
    ("guardrails:\n  errors: -5%", 6, "write `+10%`"),
    ("guardrails:\n  errorz: 2x", 6, "did you mean `errors`?"),
    ("guardrails: {p100: 2x}", 5, "write one of"),
    ("guardrails:\n  errors: {margin: 2x, floors: 1%}", 6, "did you mean `floor`?"),
    ("guardrails:\n  p99: {floor: 1%}", 6, "write one of: margin, weight"),
    ("guardrails:\n  p99: 300ms", 6, "`+25%`"),
    ("guardrails:\n  errors:", 6, "write one value"),
    ("guardrails: {errors: 2x}\nsignals:\n  errors: 2x", 7, "keep one"),
    ("guardrails: {defaults: off}", 5, "keep at least one"),
    ("guardrails: {defaults: on}", 5, "write `off`"),
    ("alpha_rollback: 60%", 5, "`1%`"),
    ("timeout: 0s", 5, "a time above 0"),
    ("max_classes: 1", 5, "2 to 1000"),
    ("gaurdrails: {}", 5, "did you mean `guardrails`?"),
    ("service: again", 5, "keep one"),
    ("stages: [2%", 6, "not YAML"),
    ("rollout: a/b", 5, "use letters"),
    ("candidates: {a: v3}", 5, "keep one of them"),
    ("stages: []", 5, "stages is empty"),
    ("lease: 999999999999h", 5, "lease: 999999999999h is longer than 365 days"),
    ("stages: [2% for 9000h, 100%]", 5, "longer than 365 days"),
    ("guardrails: {p99_sla: 400d}", 5, "longer than 365 days"),
    ("guardrails:\n  errors: 2x\n\tp50: 2x", 7, "use spaces, not tabs"),
    ("timeout: 1s\n\tlease: 3s", 6, "use spaces, not tabs"),
    ("timeout:\t1s", 5, "use spaces, not tabs"),
]


class TestWhatMakesNoSense:
    @pytest.mark.parametrize(("text", "line", "instead"), REFUSED)
    def test_is_refused_with_file_line_and_remedy(self, text, line, instead):
        with pytest.raises(SpecError) as failure:
            parse(text + "\n")
        assert str(failure.value).startswith(f"spec.yaml:{line}: ")
        assert instead in str(failure.value)

    @pytest.mark.parametrize(
        ("old", "new", "line", "instead"),
        [
            ("candidate: v2", "candidate: v1", 3, "write the new version"),
            ("candidate: v2", "candidate: v1", 3, ": candidate is the version of the baseline"),
            ("route: {envoy: {rds: /run/rds.json}}", "route:", 4, "route: {envoy: {rds: "),
            ("route: {envoy: {rds: /run/rds.json}}", "route: {}", 4, "route: {envoy: {rds: "),
            ("candidate: v2", "candidates: {a: v2, b: v2}", 3, "write the new version"),
            ("candidate: v2", "candidates: {baseline: v2}", 3, "another name"),
            ("candidate: v2", "candidates: {}", 3, "1 to 16"),
            ("candidate: v2\n", "", 1, "add e.g. `candidate: v2`"),
            ("service: digits", "service:", 1, "write one value"),
            ("route: {envoy: {rds: /run/rds.json}}", "route: {envoy: {}, haproxy: {}}", 4, "one"),
            ("route: {envoy: {rds: /run/rds.json}}", "route: {name: x}", 4, "name one"),
            ("route: {envoy: {rds: /run/rds.json}}", "route: {envoy: [1]}", 4, "`key: value`"),
        ],
    )
    def test_facts_are_checked(self, old, new, line, instead):
        with pytest.raises(SpecError) as failure:
            parse_spec(FACTS.replace(old, new), name="spec.yaml")
        assert str(failure.value).startswith(f"spec.yaml:{line}: ")
        assert instead in str(failure.value)

    @pytest.mark.parametrize("text", ["", "# nothing\n"])
    def test_an_empty_file(self, text):
        with pytest.raises(SpecError, match=r"spec\.yaml:1: the spec is empty"):
            parse_spec(text, name="spec.yaml")

    def test_a_list_is_no_spec(self):
        with pytest.raises(SpecError, match=r"spec\.yaml:1: the spec is a list"):
            parse_spec("- a\n", name="spec.yaml")

    def test_a_weight_finer_than_its_candidates(self):
        text = FACTS.replace("candidate: v2", "candidates: {a: v2, b: v3}")
        with pytest.raises(SpecError, match=r"spec\.yaml:5: .*at least 2bp"):
            parse_spec(text + "stages: [1bp, 100%]\n", name="spec.yaml")
