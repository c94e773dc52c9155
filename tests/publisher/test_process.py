"""Forks, the end of a process, and the few packages that a service inherits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.settings import Settings
from tests.publisher.arrivals import Read

ROOT = Path(__file__).parents[2]

LIGHT = """
import sys
from importlib.abc import MetaPathFinder

ALLOWED = {*sys.stdlib_module_names, "streams", "confluent_kafka", "fastavro"}

class Wall(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"not in the light install: {name}", name=name)

sys.meta_path.insert(0, Wall())
from streams.publisher import Publisher
from streams.publisher.asgi import PredictionMiddleware
from streams.publisher.wsgi import PredictionMiddleware
from streams.publisher.kserve import Bridge
from streams.publisher.mlflow import Published
with Publisher.from_env(close_s=20.0) as publisher:
    publisher.prediction(request_id="light", latency_ms=1)
print(publisher.counters().delivered)
"""

EXIT = """
from streams.publisher import Publisher
publisher = Publisher.from_env(close_s=20.0)
publisher.prediction(request_id="last words", latency_ms=1)
"""

FORK = """
import json, os, sys
from streams.publisher import Publisher
publisher = Publisher.from_env(close_s=20.0)
publisher.prediction(request_id="parent", latency_ms=1)
if sys.argv[1] == "warm":
    publisher.flush(20)
children = []
for index in range(3):
    child = os.fork()
    if child == 0:
        for number in range(100):
            publisher.prediction(request_id=f"{index}-{number}", latency_ms=1)
        counters = publisher.counters()
        publisher.flush(20)
        told = json.dumps([counters.taken, publisher.counters().delivered])
        os.write(1, f"{told}\\n".encode())  # one write, so that children's lines stay whole
        sys.exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
publisher.prediction(request_id="parent again", latency_ms=1)
publisher.close()
print(json.dumps([codes, publisher.counters().delivered]), flush=True)
"""


def run(program: str, topics: Settings, *args: str) -> list[str]:
    """Lines that the program printed; it must end well, and say nothing on stderr."""
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "DAVY_BOOTSTRAP": topics.bootstrap,
        "DAVY_PREFIX": topics.prefix,
        "DAVY_SERVICE": "digits",
        "DAVY_MODEL_VERSION": "v1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


class TestLightInstall:
    def test_confluent_kafka_and_fastavro_suffice(self, topics: Settings, read: Read) -> None:
        """A service imports, publishes and closes with nothing else to import."""
        assert run(LIGHT, topics) == ["1"]
        assert [arrived.key for arrived in read("predictions", 1)] == ["light"]


class TestExit:
    def test_a_process_that_just_ends(self, topics: Settings, read: Read) -> None:
        """What waits at the end of the process is delivered before it is gone."""
        assert run(EXIT, topics) == []
        assert [arrived.key for arrived in read("predictions", 1)] == ["last words"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
class TestFork:
    @pytest.mark.parametrize("parent", ["cold", "warm"])
    def test_children_publish_for_themselves(
        self, topics: Settings, read: Read, parent: str
    ) -> None:
        """Each child delivers its own records once; the parent's stay the parent's."""
        *children, last = (json.loads(line) for line in run(FORK, topics, parent))
        assert children == [[100, 100]] * 3
        assert last == [[0, 0, 0], 2]
        keys = sorted(arrived.key for arrived in read("predictions", 302))
        theirs = [f"{index}-{number}" for index in range(3) for number in range(100)]
        assert keys == sorted([*theirs, "parent", "parent again"])
