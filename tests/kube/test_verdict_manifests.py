"""The example manifests are what the published kinds take, and what our server answers."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from typer.main import get_command

from infra.rigs.objects import Api, Object, RefusedError, load
from streams.cli.main import app
from streams.spec.load import load_spec
from streams.verdicts.hooks import HookType, asked_bp
from tests.kube.live import shipped

FOLDER = Path(__file__).parents[2] / "infra" / "kubernetes" / "verdicts"
FILES = sorted(FOLDER.glob("*.yaml"))


def misspelt(value: object) -> bool:
    """Give the first field of an innermost metric or webhook a name that nobody knows."""
    if isinstance(value, list):
        return any(misspelt(each) for each in value)
    if not isinstance(value, dict):
        return False
    for key in ("interval", "count"):
        if key in value:
            value[f"{key}x"] = value.pop(key)
            return True
    return any(misspelt(each) for each in value.values())


class TestManifests:
    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_the_published_kinds_take_them(self, kube: Api, file: Path) -> None:
        """As they are; and not where a field is misspelt."""
        text = shipped(file.name, kube.access.namespace)
        kube.apply(*load(text))
        for one in load(text):
            broken = copy.deepcopy(one)
            if misspelt(broken["spec"]):
                with pytest.raises(RefusedError, match=r"field not declared|unknown field"):
                    kube.apply(broken)

    def test_there_are_all(self) -> None:
        kinds = [one["kind"] for one in load(*FILES)]
        assert kinds.count("AnalysisTemplate") == 3
        assert {"Canary", "Rollout", "VirtualService"} < set(kinds)

    def test_all_of_a_release_is_in_one_namespace(self) -> None:
        """davy's own spec too; the actuator's rights are given there."""
        told = {one["metadata"].get("namespace") for one in load(*FILES)}
        told.add(load_spec(FOLDER / "spec" / "digits.yaml").spec.target.options["namespace"])
        told |= {one["metadata"]["namespace"] for one in load(FOLDER.parent / "rbac/account.yaml")}
        assert told == {"production"}

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_passwords_are_named_and_not_told(self, file: Path) -> None:
        """Argo's and the job's by reference, Flagger's by what fills it in."""
        urls = re.findall(r"://([^/@\s\"]+)@", file.read_text())
        assert set(urls) <= {"flagger:${DAVY_VERDICTS_PASSWORD}"}
        assert bool(urls) is (file.stem == "canary")


def canary() -> Object:
    (found,) = load(FOLDER / "canary.yaml")
    return found


class TestCanary:
    def test_each_hook_asks_its_own_address(self) -> None:
        """A `rollback` hook at an ordinary address would roll back at once."""
        hooks = canary()["spec"]["analysis"]["webhooks"]
        for hook in hooks:
            assert hook["url"].endswith(f"/flagger/{HookType(hook['type'])}")

    def test_the_steps_are_told(self) -> None:
        analysis = canary()["spec"]["analysis"]
        (gate,) = (h for h in analysis["webhooks"] if h["type"] == "confirm-traffic-increase")
        told = [asked_bp(text, 1) for text in gate["metadata"]["steps"].split(",")]
        assert told == [step * 100 for step in analysis["stepWeights"]]


class TestJob:
    def test_the_command_is_ours(self) -> None:
        """Every option that the job uses is one of `davy verdict`."""
        (template,) = load(FOLDER / "analysis-job.yaml")
        pod = template["spec"]["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        words = [*container["command"], *container["args"]]
        assert words[:2] == ["davy", "verdict"]
        known = {name for p in get_command(app).commands["verdict"].params for name in p.opts}
        assert {word for word in words if re.match("--", word)} <= known
