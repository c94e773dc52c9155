"""`python -m infra.docs.chart`: write what the Helm chart takes from the code, and plain manifests.

Values, their schema, the table in the chart's README and its `files`; then, where Go is there to
build Helm, infra/kubernetes/davy as the chart renders it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.docs import chart_pages
from infra.docs.chart_files import HEAD, ROOT, files
from infra.docs.markdown import table
from infra.rigs import golang
from infra.rigs.cache import Absent, run
from infra.rigs.programs import HELM

CHART = ROOT / "infra" / "helm" / "davy"
PLAIN = ROOT / "infra" / "kubernetes" / "davy"
BLOCK = re.compile(r"(<!-- values -->\n).*?(<!-- /values -->)", re.DOTALL)
NAME = NAMESPACE = "davy"


def written() -> dict[Path, str]:
    """Every file of the chart that is made, with what must be in it."""
    readme = CHART / "README.md"
    made = table(("value", "default", ""), chart_pages.rows())
    return {
        CHART / "values.yaml": chart_pages.values_yaml(),
        CHART / "values.schema.json": chart_pages.schema(),
        **{CHART / "files" / name: text for name, text in files().items()},
        readme: BLOCK.sub(lambda found: f"{found[1]}{made}{found[2]}", readme.read_text()),
    }


def rendered(helm: Path, values: Sequence[Path] = (), *more: str) -> str:
    """The chart's objects as YAML, for the release and namespace `davy`.

    Raises:
        PartError: Helm refuses, in its own words.
    """
    given = [word for path in values for word in ("--values", str(path))]
    command = [str(helm), "template", NAME, str(CHART), "--namespace", NAMESPACE]
    return run([*command, *given, *more])


def manifests(helm: Path) -> str:
    """What infra/kubernetes/davy/davy.yaml must be."""
    return HEAD + rendered(helm, [PLAIN / "values.yaml"])


def main() -> int:
    """Write all of it; 1 where the manifests were left as they are."""
    for path, text in written().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    try:
        helm = golang.build(HELM)
    except Absent as reason:
        sys.stderr.write(f"{PLAIN} stays as it is: {reason}\n")
        return 1
    (PLAIN / "davy.yaml").write_text(manifests(helm))
    return 0


if __name__ == "__main__":
    sys.exit(main())
