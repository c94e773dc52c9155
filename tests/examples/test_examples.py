"""A new user's four files run as their README says, and end in a promotion."""

import json
import os
import re
import shutil
import sys
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.demo.processes import Part, Parts, free_ports, listens
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.keys import KeyPair, new_pair
from streams.wire.store import LocalSchemaStore

EXAMPLES = Path(__file__).parents[2] / "infra" / "examples"
ROOT = EXAMPLES.parents[1]
BLOCK = re.compile(r"^```sh (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOST = "127.0.0.1"


class Walk:
    """Runs the README's commands in a copy of the folder, with free ports instead of its own."""

    def __init__(self, folder: Path, parts: Parts) -> None:
        self.folder = folder
        shutil.copytree(EXAMPLES, folder)
        self._parts = parts
        self.broker, self.v1, self.v2 = free_ports(3)
        text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
        for given, free in (("9092", self.broker), ("8001", self.v1), ("8002", self.v2)):
            text = text.replace(given, str(free))
        self._commands = dict(BLOCK.findall(text))
        self._env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DAVY_BOOTSTRAP": f"{HOST}:{self.broker}",
        }

    def sign(self, pair: KeyPair) -> None:
        """Workers sign, and nobody believes unsigned decisions."""
        self._env["DAVY_SIGNING__KEY"] = str(pair.private)
        self._env["DAVY_SIGNING__TRUSTED"] = str(pair.public)

    def start(self, name: str) -> Part:
        """The README's block of that name, in a shell."""
        command = ["sh", "-c", self._commands[name]]
        return self._parts.start(name, command, env=self._env, cwd=self.folder)

    def run(self, name: str) -> str:
        """The same, to its good end; what it printed."""
        part = self.start(name)
        assert part.wait(deadline_s=60) == 0, part.tail()
        return part.log.read_text()


@pytest.fixture
def walk(tmp_path: Path, parts: Parts) -> Walk:
    return Walk(tmp_path / "examples", parts)


def call(port: int, path: str, body: object = None) -> tuple[dict[str, str], object]:
    """Headers and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{HOST}:{port}{path}", data=data, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return headers, json.load(answer)


def first(settings: Settings, topic: str) -> dict[str, object]:
    """The first record of a topic."""
    consumer = Consumer(settings.confluent(**{"group.id": "first"}))
    consumer.assign([TopicPartition(topic, index, 0) for index in range(4)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None, f"nothing in {topic}"
    return Codec(LocalSchemaStore()).decode(topic, message.value())


@pytest.mark.flow
class TestService:
    def test_predictions_and_labels_arrive(self, walk: Walk) -> None:
        """One question, one answer, one truth: two records with one id."""
        walk.start("broker").wait_for_port(walk.broker)
        walk.run("setup")
        service = walk.start("v1")
        service.wait_for_port(walk.v1, deadline_s=60)
        headers, answer = call(walk.v1, "/predict", {"pixels": [0, 8, 16, 4] * 16})
        assert headers["x-model-version"] == "v1"
        identity = headers["x-request-id"]
        call(walk.v1, "/label", {"request_id": identity, "digit": 3})
        settings = Settings(bootstrap=f"{HOST}:{walk.broker}")
        prediction, outcome = first(settings, "predictions"), first(settings, "outcomes")
        assert isinstance(answer, dict)
        assert prediction["request_id"] == outcome["request_id"] == identity
        assert (prediction["service"], prediction["model_version"]) == ("digits", "v1")
        assert (prediction["predicted_class"], prediction["score"]) == (
            str(answer["digit"]),
            answer["score"],
        )
        assert outcome["label"] == "3"
        assert call(walk.v1, "/health")[1] == {"lost": 0}


@pytest.mark.flow
@pytest.mark.slow
class TestRollout:
    @pytest.mark.timeout(300)
    def test_the_readme_from_top_to_bottom(self, walk: Walk, tmp_path: Path) -> None:
        """Every block is run, signed; the subscriber prints the promotion, the audit is content."""
        walk.sign(new_pair(tmp_path / "keys"))
        walk.start("broker").wait_for_port(walk.broker)
        walk.run("setup")
        for name in ("worker", "actuator"):
            walk.start(name)
        subscriber = walk.start("subscriber")
        for name, port in (("v1", walk.v1), ("v2", walk.v2)):
            walk.start(name).wait_for_port(port, deadline_s=60)
        for name in ("traffic1", "traffic2"):
            walk.start(name)
        assert "digits-v2" in walk.run("apply")
        subscriber.wait_until(
            lambda: "\npromote" in subscriber.log.read_text(),
            what="a promotion is printed",
            deadline_s=200,
        )
        told = subscriber.log.read_text()
        assert "digits-v2: promoted to 100 %" in told
        assert "rollback" not in told
        assert "not a judge's word" not in told
        assert re.fullmatch(r"digits-v2: \d+ decisions, whole\n", walk.run("audit"))
        for port in (walk.v1, walk.v2):
            assert listens(port)
            assert call(port, "/health")[1] == {"lost": 0}
