"""The real Helm, and what it makes of the chart."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path

import pytest

from infra.docs.chart import rendered
from infra.rigs import golang
from infra.rigs.cache import Absent
from infra.rigs.objects import Object, load
from infra.rigs.programs import HELM
from tests.conftest import Absence
from tests.helm.cases import Render, Values
from tests.security.conftest import secured

__all__ = ["helm", "render", "secured"]


@pytest.fixture(scope="session")
def helm(absent: Absence) -> Path:
    """The program, built from its module."""
    try:
        return golang.build(HELM)
    except Absent as error:
        absent("kube", str(error))


@pytest.fixture(scope="session")
def render(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """`render(values)`: the chart's objects, in the namespace `davy` if no other is named."""
    path = tmp_path_factory.mktemp("chart") / "values.yaml"

    @functools.cache  # many tests look at the same objects
    def once(text: str, more: tuple[str, ...]) -> list[Object]:
        path.write_text(text)
        return load(rendered(helm, [path], *more))

    def made(values: Values, *more: str) -> list[Object]:
        return copy.deepcopy(once(json.dumps(values), more))  # JSON is YAML

    return made
