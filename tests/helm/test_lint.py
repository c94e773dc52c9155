"""Real Helm finds nothing wrong with the chart, and refuses values that do not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.docs.chart import CHART
from infra.rigs.cache import run
from streams.errors import PartError
from tests.helm.cases import ALL, ASKED, CASES, HTTP, SASL, STRIMZI, Render, Values, joined


@pytest.mark.parametrize("case", ["defaults", "strimzi", "all"])
def test_lint(helm: Path, case: str, tmp_path: Path) -> None:
    """A warning would be a failure."""
    path = tmp_path / "values.yaml"
    path.write_text(json.dumps(CASES[case]))
    said = run([helm, "lint", CHART, "--strict", "--values", path])
    assert "1 chart(s) linted, 0 chart(s) failed" in said


REFUSED: dict[str, tuple[Values, str]] = {
    "unknown value": ({"kafka": {"bootstrapp": "a:1"}}, "bootstrapp"),
    "unknown setting": ({"settings": {"source_partition": 4}}, "source_partition"),
    "secret as a value": ({"kafka": {"properties": {"sasl.password": "open"}}}, "sasl.password"),
    "nobody could ask": (ASKED, r"verdicts\.enabled: nobody could ask it"),
    "nobody could look": (
        {"dashboard": {"enabled": True}},
        r"dashboard\.enabled: nobody could open it",
    ),
    "no account": (
        joined(SASL, {"worker": {"account": {"secret": ""}}}),
        r"worker\.account\.secret: SASL_SSL asks who comes",
    ),
    "nobody makes topics": (
        joined(SASL, {"setup": {"account": {"secret": ""}}}),
        r"setup\.account\.secret: SASL_SSL asks who makes the topics",
    ),
    "nobody signs": ({"signing": {"trusted": "keys"}}, r"signing\.key\.secret"),
    "nobody is told": ({"notify": {"enabled": True}}, r"settings\.notify\.hooks"),
    "probes without a password": (
        {"http": {"trustedProxy": {"header": "X-User", "addresses": ["10.0.0.7"]}}},
        r"http\.secret: the probes come with a password",
    ),
    "any proxy": (joined(HTTP, {"http": {"trustedProxy": {"header": "X-User"}}}), "addresses"),
    "no cluster": (joined(STRIMZI, {"strimzi": {"cluster": ""}}), r"strimzi\.cluster"),
    "no such mechanism": (
        joined(STRIMZI, {"kafka": {"mechanism": "PLAIN"}}),
        "Strimzi's users know SCRAM-SHA-512 alone",
    ),
    "none of the router's kinds": (
        joined(
            ALL,
            {
                "actuator": {
                    "targets": [
                        {
                            "router": "httproute",
                            "namespace": "a",
                            "names": ["b"],
                            "resources": ["pods"],
                        }
                    ]
                }
            },
        ),
        "router httproute touches none of these",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(render: Render, case: str) -> None:
    """With the value's name, and what to do."""
    values, words = REFUSED[case]
    with pytest.raises(PartError, match=words):
        render(values)
