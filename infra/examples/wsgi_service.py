"""A model server without a framework: WSGI, which Flask, Django and Bottle speak too.

DAVY_MODEL_VERSION=v1 python wsgi_service.py 8003
"""

import json
import sys
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import make_server

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from streams.publisher import Publisher
from streams.publisher.wsgi import PredictionMiddleware

digits = load_digits()
model = LogisticRegression(max_iter=1000).fit(digits.data / 16, digits.target)


def service(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """The digit on an image of 8 x 8 pixels; anything but `/predict` is not found."""
    if environ["PATH_INFO"] != "/predict":
        start_response("404 Not Found", [("Content-Type", "application/json")])
        return [b"{}"]
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    shares = model.predict_proba([[pixel / 16 for pixel in json.loads(body)["pixels"]]])[0]
    answer = environ["davy.answer"]
    answer.predicted_class, answer.score = int(shares.argmax()), float(shares.max())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"digit": answer.predicted_class}).encode()]


publisher = Publisher.from_env(service="digits")
app = PredictionMiddleware(
    service, publisher, paths=["/predict"], version=publisher.options.model_version
)

if __name__ == "__main__":
    with make_server("127.0.0.1", int(sys.argv[1]), app) as server:
        server.serve_forever()
