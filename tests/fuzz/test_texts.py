"""Whatever people write into a spec or into davy.yaml: it is taken, or refused in words."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streams.errors import SettingsError, SpecError, WireError
from streams.exporter.pages import read_page
from streams.judge.kayenta.config import read_config
from streams.publisher.options import Options
from streams.settings import load_settings
from streams.spec.load import load_spec, parse_spec
from streams.spec.model import RolloutSpec
from streams.spec.render import render_spec
from tests.fuzz.damage import WORDS, damaged_json, damaged_texts, words

pytestmark = pytest.mark.property

EXAMPLES = Path("infra/examples")
SPECS = [path for path in sorted(EXAMPLES.glob("*.yaml")) if path.name != "davy.yaml"]
TEXTS = [path.read_text() for path in SPECS]
STORED = [json.loads(load_spec(path).spec.to_json()) for path in SPECS]
HEAD = "service: a\nbaseline: v1\ncandidate: v2\n"
LAUGHS = ", ".join(f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
SETTINGS = """\
bootstrap: localhost:9092
prefix: a-
kafka:
  security.protocol: SASL_SSL
  sasl.mechanism: SCRAM-SHA-512
  sasl.username: davy
  sasl.password: "0123"
registry: {url: "https://registry:8081", timeout_s: 2}
pane_ms: 1000
session_timeout_s: 15
"""
CANARY = {
    "name": "x",
    "judge": {"name": "NetflixACAJudge-v1.0"},
    "metrics": [
        {
            "name": "errors",
            "groups": ["g"],
            "analysisConfigurations": {
                "canary": {
                    "direction": "increase",
                    "critical": True,
                    "nanStrategy": "remove",
                    "effectSize": {"allowedIncrease": 1.1},
                }
            },
        }
    ],
    "classifier": {"groupWeights": {"g": 100}},
}


def told(error: type[Exception], call: Callable[[], object]) -> str:
    """What a refusal says; empty where there is none. Any other exception fails the test."""
    try:
        call()
    except error as refusal:
        return str(refusal) or "nothing"
    return ""


class TestSpecs:
    @settings(max_examples=150)
    @given(damaged_texts(TEXTS))
    def test_yaml(self, text):
        """What is refused names its place; what is taken says the same when it is printed."""
        refusal = told(SpecError, lambda: parse_spec(text))
        assert refusal == "" or refusal.startswith("spec:")
        if refusal:
            return
        found = parse_spec(text)
        assert parse_spec(render_spec(found)).spec == found.spec

    @settings(max_examples=80)
    @given(damaged_json(STORED))
    def test_stored(self, value):
        """A spec from `rollouts` that is read has one hash, however often it is read."""
        try:
            found = RolloutSpec.from_json(json.dumps(value))
        except ValidationError:
            return
        assert RolloutSpec.from_json(found.to_json()).spec_hash == found.spec_hash

    @pytest.mark.parametrize(
        ("route", "problem"),
        [
            ("[" * 1200 + "]" * 1200, "nested too deeply"),
            ("{envoy: {a: &a0 [1], " + LAUGHS + "}}", "too large"),
            ("&r {memory: *r}", "too large"),
            ("{memory: {name: !!python/name:os.system x}}", "is no plain value"),
            ("{memory: {name: !!binary aGk=}}", "is no plain value"),
            ("{memory: {name: a, name: b}}", "stands twice"),
            ("{memory: {name: a\x07b}}", "a sign stands here that YAML does not take"),
        ],
        ids=["deep", "laughs", "endless", "python", "binary", "twice", "bell"],
    )
    def test_traps_of_yaml(self, route, problem):
        """At once, with the line."""
        refusal = told(SpecError, lambda: parse_spec(f"{HEAD}route: {route}\n"))
        assert refusal.startswith("spec")
        assert problem in refusal

    @pytest.mark.parametrize("number", ["9" * 5000, ".inf", ".nan", "1e999"])
    def test_numbers_that_json_cannot_hold(self, number):
        """They stay the text that was written, for the router to refuse."""
        found = parse_spec(f"{HEAD}route: {{memory: {{name: {number}}}}}\n")
        assert found.spec.target.options == {"name": number}


class TestSettings:
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=damaged_texts([SETTINGS, (EXAMPLES / "davy.yaml").read_text()]))
    def test_file(self, tmp_path, text):
        path = tmp_path / "davy.yaml"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        refusal = told(SettingsError, lambda: load_settings(path))
        assert refusal == "" or str(path) in refusal

    @settings(max_examples=100)
    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    *("DAVY_KAFKA", "DAVY_KAFKA__SASL_USERNAME", "DAVY_REGISTRY__URL"),
                    *("DAVY_BOOTSTRAP", "DAVY_SERVICE", "DAVY_MODEL_VERSION", "DAVY_PREFIX"),
                ]
            ),
            words(),
        )
    )
    def test_environment_of_a_publisher(self, environ):
        """An inference service starts, or is told at its start why not."""
        named = {"DAVY_SERVICE": "s", "DAVY_MODEL_VERSION": "v"} | environ
        assert told(SettingsError, lambda: Options.from_env(named)) != "nothing"


class TestOthersWords:
    @settings(max_examples=150)
    @given(damaged_texts([Path("tests/exporter/cadvisor.txt").read_text()]))
    def test_page_of_metrics(self, text):
        if told(WireError, lambda: read_page(text)):
            return
        readings = read_page(text).values()
        values = [(one.cpu_s, one.cpu_limit, one.memory, one.gpu) for one in readings]
        assert min((v for each in values for v in each if v is not None), default=0) >= 0

    @settings(max_examples=80)
    @given(damaged_json([CANARY]).filter(lambda value: isinstance(value, dict)))
    def test_canary_config(self, value):
        refusal = told(SpecError, lambda: read_config(value))
        assert refusal == "" or refusal.startswith("canary config")


def test_words_are_many():
    """The list that all of this draws from is no list of one."""
    assert len(set(WORDS)) > 50
