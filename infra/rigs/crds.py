"""Which kinds of other projects does the API server of the tests know? Those that davy touches.

As their projects publish them in Go modules, without the descriptions of fields, most of the text.
Of KServe and Strimzi, whose modules cannot be had, `kserve_crds.yaml` and `strimzi_crds.yaml` have
the part that is touched.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from infra.rigs.cache import made_once
from infra.rigs.golang import sources
from infra.rigs.objects import Object, load
from infra.rigs.programs import FLAGGER, ROLLOUTS

WRITTEN = tuple(Path(__file__).with_name(f"{name}_crds.yaml") for name in ("kserve", "strimzi"))
PUBLISHED = (
    ("sigs.k8s.io/gateway-api", "v1.6.3", "config/crd/standard/*.yaml"),
    ("istio.io/api", "v1.31.4", "kubernetes/customresourcedefinitions.gen.yaml"),
    (ROLLOUTS.module, ROLLOUTS.version, "manifests/crds/*-crd.yaml"),
    (FLAGGER.module, FLAGGER.version, "artifacts/flagger/crd.yaml"),
)
"""Module, version, files within it."""


def install() -> Path:
    """The file with the published definitions, fetched once; Absent without Go."""
    named = hashlib.sha256(repr(PUBLISHED).encode()).hexdigest()[:8]
    return made_once("kubernetes-crds", named, _fetch) / "crds.json"


def definitions() -> list[Object]:
    """All definitions, ready to be applied; Absent without Go."""
    return [*json.loads(install().read_text()), *load(*WRITTEN)]


def _fetch(folder: Path) -> None:
    found = [
        plain(one)
        for module, version, files in PUBLISHED
        for file in sorted(sources(module, version).glob(files))
        for one in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)
        if one and one["kind"] == "CustomResourceDefinition"
    ]
    (folder / "crds.json").write_text(json.dumps(found))


def plain(value: Any) -> Any:
    """A schema without its descriptions; a *field* of that name stays, for it is no text."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    texts = {"description"} if isinstance(value.get("description"), str) else set()
    return {name: plain(one) for name, one in value.items() if name not in texts}
