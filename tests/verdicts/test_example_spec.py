"""davy's own spec beside the manifests of Argo Rollouts is one that its router takes."""

from pathlib import Path

import yaml

from streams.cli.target import check_route
from streams.spec.load import load_spec

FOLDER = Path(__file__).parents[2] / "infra" / "kubernetes" / "verdicts"


def test_it_looks_at_the_route_that_argo_moves() -> None:
    loaded = load_spec(FOLDER / "spec" / "digits.yaml")
    check_route(loaded)
    objects = [*yaml.safe_load_all((FOLDER / "rollout.yaml").read_text())]
    (route,) = (one for one in objects if one and one["kind"] == "VirtualService")
    hosts = [to["destination"]["host"] for to in route["spec"]["http"][0]["route"]]
    target = loaded.spec.target
    assert target.dry_run
    assert target.options["name"] == route["metadata"]["name"]
    assert [*target.options["destinations"].values()] == hosts
