"""The pipeline gate: its file is a component, and its command answers as a rollout ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from streams.judge.decision_facts import Action
from streams.spec.model import RolloutSpec, Target
from tests.actuator.log import Log, make_spec

FOLDER = Path(__file__).parents[2] / "infra" / "kubeflow"
COMPONENT = yaml.safe_load((FOLDER / "component.yaml").read_text())
SCHEMA = json.loads((FOLDER / "component.schema.json").read_text())


def filled(words: list[Any], values: Mapping[str, str]) -> Iterator[str]:
    """A command as a pipeline starts it: placeholders replaced."""
    for word in words:
        match word:
            case str():
                yield word
            case {"inputValue": name}:
                yield values[name]
            case {"if": {"cond": {"isPresent": name}, "then": then}}:
                yield from filled(then, values) if name in values else ()


def command(given: Mapping[str, str]) -> list[str]:
    known = {each["name"]: each for each in COMPONENT["inputs"]}
    assert given.keys() <= known.keys()
    values = {name: each["default"] for name, each in known.items() if "default" in each} | given
    container = COMPONENT["implementation"]["container"]
    return list(filled([*container["command"], *container["args"]], values))


class TestFile:
    def test_it_is_a_component(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        jsonschema.validate(COMPONENT, SCHEMA)

    @pytest.mark.parametrize("word", [{"inputvalue": "x"}, {"if": {"cond": True}}, 3])
    def test_what_is_none_is_refused(self, word):
        """The schema tells a misspelt placeholder from one."""
        spoilt = json.loads(json.dumps(COMPONENT))
        spoilt["implementation"]["container"]["args"].append(word)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, SCHEMA)

    def test_every_input_is_used_and_every_word_is_an_input(self):
        text = json.dumps(COMPONENT["implementation"])
        for each in COMPONENT["inputs"]:
            assert f'"inputValue": "{each["name"]}"' in text
            optional = each.get("optional", False)
            assert (f'"isPresent": "{each["name"]}"' in text) == optional


@pytest.fixture
def log(tansu: str, prefix: str) -> Iterator[Log]:
    """Topics of the test's own."""
    opened = Log(tansu, prefix)
    yield opened
    opened.close()


class TestCommand:
    @pytest.mark.parametrize(
        ("action", "share_bp", "revision", "code"),
        [
            (Action.PROMOTE, 10_000, "v2", 0),
            (Action.ROLLBACK, 0, "v2", 1),
            (Action.HOLD, 2500, "v2", 3),
            (Action.PROMOTE, 10_000, "v3", 4),
        ],
    )
    def test_the_exit_code_is_the_answer(self, log: Log, action, share_bp, revision, code):
        """0 lets the pipeline go on; nothing else does."""
        spec: RolloutSpec = make_spec("gate", Target(router="memory", options={"name": "gate"}))
        log.apply(spec)
        log.decide(spec, action, share_bp)
        assert ended(log, revision=revision, timeout="2s") == code

    def test_without_a_broker(self, log: Log):
        """Neither yes nor no."""
        assert ended(log, bootstrap="127.0.0.1:9", timeout="1s") == 2


def ended(log: Log, **given: str) -> int:
    """The exit code of the gate's own command."""
    settings = log.settings
    own = {"rollout": "gate", "bootstrap": settings.bootstrap, "prefix": settings.prefix}
    program, *arguments = command(own | given)
    assert program == "davy"
    counts = {
        "DAVY_ROLLOUT_PARTITIONS": str(settings.rollout_partitions),
        "DAVY_SOURCE_PARTITIONS": str(settings.source_partitions),
    }
    started = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(started, env=os.environ | counts, check=False, timeout=60).returncode
