"""MLflow's registry on a real local store, and offline runs of W&B and ClearML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streams.errors import HookAway, HookRefused, SettingsError
from streams.notify.hooks.mlflow import Mlflow
from streams.notify_settings import MlflowHook, Transition
from tests.notify.records import looked_on, notice, settled

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of those libraries
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
MODEL = "digits-classifier"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tracking store of its own; its tables are made once."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def model(uri: str, request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A registered model with three versions, the first of them champion."""
    from mlflow import MlflowClient  # noqa: PLC0415 - slow

    client, name = MlflowClient(tracking_uri=uri, registry_uri=uri), request.node.name
    client.create_registered_model(name)
    for sha in ("aaa", "bbb", "ccc"):
        client.create_model_version(name, source=f"/models/{sha}", tags={"git_sha": sha})
    client.set_registered_model_alias(name, "champion", "1")
    return client, name


def hook(uri: str, name: str, **more: Any) -> Mlflow:
    options = {"kind": "mlflow", "tracking_uri": uri, "models": {"digits": name}, **more}
    return Mlflow("registry", MlflowHook.model_validate(options))


def champion(client: Any, name: str) -> str:
    return str(client.get_model_version_by_alias(name, "champion").version)


class TestMlflow:
    def test_a_promotion_moves_the_alias_and_tags(self, uri, model):
        client, name = model
        hook(uri, name).tell(settled())
        assert champion(client, name) == "2"
        tags = client.get_model_version(name, "2").tags
        assert tags["davy.decision_id"] == "d7"
        assert (tags["davy.outcome"], tags["davy.rollout"]) == ("promoted", "digits-v2")

    @pytest.mark.parametrize("transition", [Transition.PROMOTED, Transition.ROLLED_BACK])
    def test_what_was_only_decided_tells_the_reason_alone(self, uri, model, transition):
        """The target may still refuse the weights, or a person abort the rollout."""
        client, name = model
        hook(uri, name).tell(notice(transition))
        assert champion(client, name) == "1"
        tags = client.get_model_version(name, "2").tags
        assert tags.pop("davy.reason").startswith("no_harm_shown: ")
        assert tags == {"git_sha": "bbb"}

    def test_weights_that_are_neither_end_move_nothing(self, uri, model):
        """A raise was given up half way."""
        client, name = model
        hook(uri, name).tell(settled(2500))
        assert champion(client, name) == "1"
        assert client.get_model_version(name, "2").tags == {"git_sha": "bbb"}

    def test_where_somebody_else_moves_the_traffic_the_decision_counts(self, uri, model):
        """What came of it nobody tells; what is seen at the target counts for nothing there."""
        client, name = model
        told = hook(uri, name)
        told.tell(settled(subject=looked_on()))
        assert champion(client, name) == "1"
        told.tell(notice(subject=looked_on()))
        assert champion(client, name) == "2"
        tags = client.get_model_version(name, "2").tags
        assert tags["davy.reason"].startswith("no_harm_shown: ")
        assert (tags["davy.outcome"], tags["davy.decision_id"]) == ("promoted", "d7")

    def test_a_double_takes_the_alias_from_nobody(self, uri, model):
        """Between the two another rollout promoted version 3."""
        client, name = model
        told = hook(uri, name)
        told.tell(settled())
        client.set_registered_model_alias(name, "champion", "3")
        told.tell(settled())
        assert champion(client, name) == "3"

    def test_a_rollback_only_tags(self, uri, model):
        client, name = model
        hook(uri, name).tell(settled(0, decision_id="d8"))
        assert champion(client, name) == "1"
        tags = client.get_model_version(name, "2").tags
        assert (tags["davy.outcome"], tags["davy.decision_id"]) == ("rolled_back", "d8")

    def test_versions_by_tag(self, uri, model):
        """Where services publish something else than the registry's numbers."""
        client, name = model
        subject = notice().subject
        told = settled(subject=replace(subject, candidates={"candidate": "ccc"}))
        hook(uri, name, version_tag="git_sha", alias="live").tell(told)
        assert client.get_model_version_by_alias(name, "live").version == 3
        assert champion(client, name) == "1"

    @pytest.mark.parametrize(
        ("version", "more", "message"),
        [
            ("v2", {}, "`v2` is no number"),
            ("99", {}, "RESOURCE_DOES_NOT_EXIST"),
            ("zzz", {"version_tag": "git_sha"}, "no version of .* git_sha=zzz"),
        ],
    )
    def test_what_is_not_registered_is_refused(self, uri, model, version, more, message):
        """Trying again would not help, and the alias stays where it is."""
        client, name = model
        told = settled(subject=replace(notice().subject, candidates={"candidate": version}))
        with pytest.raises(HookRefused, match=message):
            hook(uri, name, **more).tell(told)
        assert champion(client, name) == "1"

    def test_other_transitions_touch_nothing(self, uri, model):
        client, name = model
        hook(uri, name).tell(notice(Transition.STARTED))
        assert client.get_model_version(name, "2").tags == {"git_sha": "bbb"}


class TestPassword:
    """Who may read the log does not learn the password of the registry."""

    def test_of_one_that_is_away(self, monkeypatch):
        """MLflow quotes the whole address."""
        monkeypatch.setenv("REGISTRY", "http://davy:hush@127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(HookAway, match="mlflow: INTERNAL_ERROR of model digits") as failure:
            hook("env:REGISTRY", "digits").tell(settled())
        assert "hush" in str(failure.value.__cause__)
        assert "hush" not in str(failure.value)

    def test_of_one_that_cannot_be_opened(self, monkeypatch):
        monkeypatch.setenv("REGISTRY", "nowhere://davy:hush@127.0.0.1:9")
        setting = r"notify\.hooks\.registry\.tracking_uri"
        with pytest.raises(SettingsError, match=setting) as failure:
            hook("env:REGISTRY", "digits")
        assert "hush" not in str(failure.value)


TELL = """
import sys, json
from streams.notify.hooks import open_hook
from streams.notify_settings import NotifySettings
from tests.notify.records import notice
hooks = NotifySettings.model_validate({"hooks": {"sink": json.loads(sys.argv[1])}}).hooks
hook = open_hook("sink", hooks["sink"])
hook.tell(notice())
hook.close()
"""


def tell(home: Path, **options: Any) -> None:
    """In a process of its own: these libraries leave threads and hooks behind."""
    offline = {"HOME": str(home), "CLEARML_CACHE_DIR": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", TELL, json.dumps(options)]
    subprocess.run(command, check=True, cwd=home, env=os.environ | offline, timeout=200)


@pytest.mark.slow
@pytest.mark.timeout(240)  # both are slow to import
class TestOffline:
    def test_wandb(self, tmp_path):
        """One run, named by the notice's key, with what happened in it."""
        tell(tmp_path, kind="wandb", folder=str(tmp_path / "runs"))
        [run] = (tmp_path / "runs" / "wandb").glob("offline-run-*-d7-promoted/run-*.wandb")
        written = run.read_bytes()
        for word in (b"digits-v2", b"decision_id", b"share_bp/candidate", b"promoted"):
            assert word in written

    def test_clearml(self, tmp_path):
        """A session that can be imported, with the key among its parameters."""
        tell(tmp_path, kind="clearml", project="davy")
        [session] = (tmp_path / "offline").glob("offline-*/task.json")
        task = json.loads(session.read_text())
        assert task["name"] == "digits-v2 promoted"
        assert "d7-promoted" in session.read_text()
        scalars = session.with_name("metrics.jsonl").read_text()
        assert "share_bp" in scalars
