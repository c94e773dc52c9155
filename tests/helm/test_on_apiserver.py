"""A real API server takes all that the chart renders, field by field; Helm installs it there."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from infra.docs.chart import CHART, NAME, PLAIN
from infra.rigs.cache import run
from infra.rigs.objects import Api, Object, RefusedError, load
from streams.demo.processes import wait_until
from streams.errors import PartError
from tests.helm.cases import (
    ALL,
    CASES,
    HTTP,
    PEER,
    Render,
    Values,
    joined,
    of_kind,
    pods,
    within,
)


def create(kube: Api, one: Object) -> None:
    """Create an object for show, with every field checked; RefusedError where one is wrong."""
    meta = {"metadata": {k: v for k, v in one["metadata"].items() if k == "namespace"}}
    kube.call(
        "POST",
        kube.path({**one, **meta}),
        params={"fieldValidation": "Strict", "dryRun": "All"},
        headers={"Content-Type": "application/json"},
        text=json.dumps(one),
    )


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_taken(kube: Api, render: Render, case: str) -> None:
    """Strict: a field that the API server does not know would be refused."""
    namespace = kube.access.namespace
    objects = render(within(CASES[case], namespace), "--namespace", namespace)
    assert {one["metadata"].get("namespace", namespace) for one in objects} == {namespace}
    for one in objects:
        create(kube, one)


def test_strict_is_strict(kube: Api, render: Render) -> None:
    """A misspelt field of a pod is named."""
    namespace = kube.access.namespace
    found = render({}, "--namespace", namespace)
    broken = of_kind(found, "Deployment")["davy-worker"]
    broken["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(RefusedError, match=r"unknown field .*readOnly"):
        create(kube, broken)


def test_plain_manifests_are_taken(kube: Api) -> None:
    """Those for people without Helm."""
    namespace = kube.access.namespace
    text = (PLAIN / "davy.yaml").read_text()
    for name in ("davy", "production"):
        text = text.replace(f"namespace: {name}", f"namespace: {namespace}")
    for one in load(text):
        create(kube, one)


@pytest.fixture
def restricted(kube: Api) -> Api:
    """The namespace lets in only pods that follow the strictest of Kubernetes' pod standards."""
    name = kube.access.namespace
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    kube.merge(namespace, {"metadata": {"labels": labels}})
    return kube


def is_let_in(kube: Api, name: str, spec: Object) -> bool:
    """Whether the API server's admission takes such a pod."""
    try:
        create(kube, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    except RefusedError as refusal:
        if "violates PodSecurity" not in str(refusal):
            raise
        return False
    return True


def test_pods_follow_the_strictest_standard(restricted: Api, render: Render) -> None:
    """The API server says so itself; one that may be root is kept out."""
    found = pods(render(ALL))
    assert len(found) == 6
    loose = copy.deepcopy(found["davy-worker"])
    del loose["securityContext"]["runAsNonRoot"]
    wait_until(
        lambda: not is_let_in(restricted, "loose", loose),
        what="the standard is in force",
        deadline_s=30,
    )
    assert all(is_let_in(restricted, name, spec) for name, spec in found.items())


class Release:
    """The chart in a namespace, as its user handles it."""

    def __init__(self, helm: Path, kube: Api, folder: Path) -> None:
        self._helm, self._kube, self._folder = helm, kube, folder
        self._config = kube.access.kubeconfig(folder / "kubeconfig")

    def __call__(self, verb: str, values: Values) -> str:
        """`install` or `upgrade`. Without hooks: no kubelet is there to run a job."""
        path = self._folder / "values.yaml"
        path.write_text(json.dumps(within(values, self._kube.access.namespace)))
        return self._helm_says(verb, CHART, "--values", path, "--no-hooks")

    def gone(self) -> None:
        """`uninstall`."""
        self._helm_says("uninstall", "--no-hooks")

    def _helm_says(self, verb: str, *words: Path | str) -> str:
        where = ["--kubeconfig", self._config, "--namespace", self._kube.access.namespace]
        return run([self._helm, verb, NAME, *words, *where])


def replicas(kube: Api) -> dict[str, int]:
    """Name of each Deployment -> how many pods it asks for."""
    found = kube.every("apps/v1", "Deployment")
    return {one["metadata"]["name"]: one["spec"]["replicas"] for one in found}


def test_helm_installs_upgrades_and_takes_away(helm: Path, kube: Api, tmp_path: Path) -> None:
    """As a person would; and what does not fit changes nothing."""
    release = Release(helm, kube, tmp_path)
    said = release("install", HTTP)
    assert "STATUS: deployed" in said
    assert "Decisions are not signed" in said
    assert "let nobody ask worker, actuator." in said
    assert replicas(kube) == {"davy-worker": 2, "davy-actuator": 2}
    told = {"worker": {"replicas": 5}, "verdicts": {"askers": [PEER]}}
    said = release("upgrade", joined(ALL, told))
    assert "let nobody ask worker, actuator, notify, dashboard." in said
    assert "Decisions are not signed" not in said
    assert replicas(kube) == {
        "davy-worker": 5,
        "davy-actuator": 2,
        "davy-verdicts": 1,
        "davy-notify": 1,
        "davy-dashboard": 1,
    }
    said = release("upgrade", joined(ALL, told, {"networkPolicy": {"askers": [PEER]}}))
    assert "let nobody ask" not in said
    with pytest.raises(PartError, match="source_partition"):
        release("upgrade", {"settings": {"source_partition": 3}})
    assert replicas(kube)["davy-worker"] == 5
    release.gone()
    assert replicas(kube) == {}
