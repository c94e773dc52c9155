"""Servers that are not FastAPI tell davy what they answer, as the examples are written."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition

from streams.demo.processes import Parts, free_port
from streams.settings import Settings
from streams.topics import create_topics
from tests.publisher.arrivals import Arrived, arrived
from tests.publisher.logged import IMAGE, REQUEST, RESPONSE, SEVEN, headers

EXAMPLES = Path(__file__).parents[2] / "infra" / "examples"
HOST = "127.0.0.1"
PIXELS = [0, 8, 16, 4] * 16


@pytest.fixture
def topics(tansu: str, prefix: str) -> Settings:
    """Davy's topics under the test's prefix."""
    settings = Settings(bootstrap=tansu, prefix=prefix)
    create_topics(settings)
    return settings


@pytest.fixture
def published(topics: Settings) -> Callable[[int], dict[str, Arrived]]:
    """`published(count)`: predictions by their keys, once there are so many."""

    def predictions(count: int) -> dict[str, Arrived]:
        consumer = Consumer(topics.confluent(**{"group.id": "reader", "enable.auto.commit": False}))
        name = topics.topic("predictions")
        partitions = range(topics.source_partitions)
        consumer.assign([TopicPartition(name, partition, 0) for partition in partitions])
        found: dict[str, Arrived] = {}
        until = time.monotonic() + 20
        while len(found) < count and time.monotonic() < until:
            for message in consumer.consume(100, 0.2):
                assert message.error() is None
                told = arrived("predictions", message)
                found[told.key] = told
        consumer.close()
        assert len(found) == count
        return found

    return predictions


@pytest.fixture
def env(topics: Settings) -> dict[str, str]:
    """What the READMEs have people set."""
    return {"DAVY_BOOTSTRAP": topics.bootstrap, "DAVY_PREFIX": topics.prefix}


def post(port: int, path: str, told: dict[str, str], body: object) -> dict[str, str]:
    """Headers of the answer, which must be a good one; names in lower case."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", data=data, headers=told)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
        return {name.lower(): value for name, value in answer.headers.items()}


@pytest.mark.flow
class TestWsgi:
    def test_what_it_answers_is_published(
        self, parts: Parts, env: dict[str, str], published: Any
    ) -> None:
        """The id and the version that the caller reads are those of the prediction."""
        port = free_port()
        command = [sys.executable, "wsgi_service.py", str(port)]
        told = env | {"DAVY_MODEL_VERSION": "v1"}
        parts.start("wsgi", command, env=told, cwd=EXAMPLES).wait_for_port(port, deadline_s=60)
        answer = post(port, "/predict", {"x-request-id": "r-1"}, {"pixels": PIXELS})
        assert (answer["x-request-id"], answer["x-model-version"]) == ("r-1", "v1")
        record = published(1)["r-1"].record
        assert (record["service"], record["model_version"]) == ("digits", "v1")
        assert record["predicted_class"] in {str(digit) for digit in range(10)}
        assert 0 < record["score"] <= 1


@pytest.mark.flow
class TestKserve:
    def test_what_the_logger_tells_is_published(
        self, parts: Parts, env: dict[str, str], published: Any
    ) -> None:
        """Two events, as KServe's agent sends them, to the url of the InferenceService."""
        service = yaml.safe_load((EXAMPLES / "kserve" / "inferenceservice.yaml").read_text())
        logger = service["spec"]["predictor"]["logger"]
        path = urlsplit(logger["url"]).path
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "bridge:app", "--port", str(port)]
        bridge = parts.start("bridge", command, env=env, cwd=EXAMPLES / "kserve")
        bridge.wait_for_port(port, deadline_s=60)
        passed = json.dumps({logger["metadataHeaders"][0]: ["SG"]})
        for kind, body in ((REQUEST, IMAGE), (RESPONSE, SEVEN)):
            event = headers(kind, "r-1", time.time() * 1000, metadata=passed)
            post(port, path, event, body)
        record = published(1)["r-1"].record
        assert (record["service"], record["model_version"]) == ("digits", "v2")
        assert (record["predicted_class"], record["status"]) == ("7", "OK")
        assert record["segments"] == {"country": "SG"}
        with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=10) as answer:
            assert json.load(answer)["published"] == 1


@pytest.mark.flow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
class TestMlflow:
    def test_what_the_model_predicts_is_published(
        self,
        tmp_path: Path,
        env: dict[str, str],
        published: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Loaded as any MLflow server loads it, by the folder that the example writes."""
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        shutil.copy(EXAMPLES / "mlflow_model.py", tmp_path)
        command = [sys.executable, "mlflow_model.py"]
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

        import mlflow.pyfunc  # noqa: PLC0415 - slow
        import numpy as np  # noqa: PLC0415 - the same

        model = mlflow.pyfunc.load_model(str(tmp_path / "served"))
        image = np.array([PIXELS]) / 16
        named = model.predict(image, params={"request_id": "r-1"})
        model.predict(image)
        assert model._model_impl.publisher.close(20)
        found = published(2)
        record = found["r-1"].record
        assert (record["service"], record["model_version"]) == ("digits", "v2")
        assert record["predicted_class"] == str(named[0])
        assert len(found.keys() - {"r-1"}) == 1
