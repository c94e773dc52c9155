"""Dashboards are what their facts say, parse, and ask for labels that there are."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.docs.figures import TABLES, rewritten
from infra.docs.metrics_table import catalogue
from infra.grafana.panels import COLUMNS, Dashboard, Query, unknown
from infra.grafana.rollout import ROLLOUT
from infra.grafana.write import ALL, FOLDER, path_of, text_of

if TYPE_CHECKING:
    from tests.prometheus.conftest import Promtool

GRAFANA = FOLDER.parent
README = Path(__file__).parents[2] / "infra" / "prometheus" / "README.md"
OF_PROMETHEUS = {"job", "instance", "le"}
CHOSEN = {"$__rate_interval": "5m", "$segment": "all", "$metric": "errors"}
"""What a person's choices become before Prometheus sees a query."""


def plain(expr: str) -> str:
    """The query as Grafana sends it."""
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    return re.sub(r"\$(service|rollout)", "digits", expr)


def panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    return list(json.loads(path_of(dashboard).read_text())["panels"])


@pytest.mark.parametrize("dashboard", ALL, ids=lambda each: str(each.uid))
class TestDashboard:
    def test_the_file_is_fresh(self, dashboard: Dashboard) -> None:
        """`make docs` would change nothing."""
        assert path_of(dashboard).read_text() == text_of(dashboard)

    def test_every_metric_is_exposed(self, dashboard: Dashboard) -> None:
        assert unknown(dashboard, catalogue()) == []

    def test_every_expression_parses(
        self, dashboard: Dashboard, promtool: Promtool, tmp_path: Path
    ) -> None:
        rules = [
            {"record": f"panel:{number}", "expr": plain(expr)}
            for number, expr in enumerate(dashboard.expressions)
        ]
        path = tmp_path / "expressions.yaml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        ended = subprocess.run(
            [promtool, "check", "rules", path], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"{len(rules)} rules found" in ended.stdout

    def test_every_label_is_one_of_its_metric(self, dashboard: Dashboard) -> None:
        """A selector for a label that a metric does not have would show nothing, for ever."""
        labels = {
            series: {*each.labels, *OF_PROMETHEUS} for each in catalogue() for series in each.series
        }
        wrong = [
            (name, label)
            for text in dashboard.texts
            for name, chosen in re.findall(r"(davy_[a-z_]+)\{([^}]*)\}", text)
            for label in re.findall(r"([a-z_]+)\s*[!=]", chosen)
            if label not in labels[name]
        ]
        assert wrong == []

    def test_panels_fit_and_do_not_overlap(self, dashboard: Dashboard) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in panels(dashboard):
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert max(x for x, _ in cells) < COLUMNS
            assert not taken & cells
            taken |= cells

    def test_every_panel_says_what_it_shows(self, dashboard: Dashboard) -> None:
        assert [p.title for p in dashboard.panels if len(p.says) < 5 or not p.queries] == []
        ids = [panel["id"] for panel in panels(dashboard)]
        assert len(ids) == len(set(ids))


class TestGeneration:
    def test_a_name_that_nobody_exposes_is_found(self) -> None:
        row = ROLLOUT.rows[0]
        rotten = replace(row.panels[0], queries=(Query(expr="rate(davy_worker_gone_total[5m])"),))
        broken = replace(ROLLOUT, rows=(replace(row, panels=(rotten,)),))
        assert unknown(broken, catalogue()) == ["davy_worker_gone_total"]

    def test_grafana_finds_them(self) -> None:
        """The provider reads the folder that is mounted, the data source has the name they use."""
        provided = yaml.safe_load((GRAFANA / "provisioning/dashboards/davy.yaml").read_text())
        assert [each["type"] for each in provided["providers"]] == ["file"]
        sources = yaml.safe_load((GRAFANA / "provisioning/datasources/davy.yaml").read_text())
        assert [each["type"] for each in sources["datasources"]] == ["prometheus"]
        assert sorted(path.name for path in FOLDER.iterdir()) == sorted(
            path_of(each).name for each in ALL
        )


class TestTable:
    def test_the_table_of_metrics_is_fresh(self) -> None:
        """`make docs` would change nothing."""
        text = README.read_text()
        assert (TABLES["metrics"]() or "no table") in text
        assert rewritten(text) == text

    def test_each_says_what_it_is(self) -> None:
        found = catalogue()
        assert [each.name for each in found if len(each.text) < 10] == []
        assert len({(each.process, each.name) for each in found}) == len(found)
        assert {each.kind for each in found} == {"counter", "gauge", "histogram"}

    def test_what_is_named_after_flagger(self) -> None:
        """Status, weight and analysis by service, rollout and arm."""
        labels = {each.name: each.labels for each in catalogue()}
        assert labels["davy_rollout_status"] == ("service", "rollout")
        assert labels["davy_rollout_weight"] == ("service", "rollout", "segment", "arm")
        analysis = ("service", "rollout", "arm", "segment", "metric", "unit")
        assert labels["davy_rollout_metric_analysis"] == analysis
