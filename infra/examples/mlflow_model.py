"""An MLflow model that tells davy what it predicts, wherever it is served.

    python mlflow_model.py                                          # writes `model` and `served`
    mlflow models serve -m served --env-manager local --port 5001

A request names itself in `params`: `{"inputs": [[0, ...]], "params": {"request_id": "r-1"}}`.
"""

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from streams.publisher.mlflow import save

digits = load_digits()
images = digits.data / 16
model = LogisticRegression(max_iter=1000).fit(images, digits.target)
mlflow.sklearn.save_model(
    model,
    "model",
    signature=infer_signature(images, model.predict(images)),
    pip_requirements=["scikit-learn"],
    serialization_format="cloudpickle",
)

# The same model, and every prediction is published: this one is registered and served.
save("served", "model", service="digits", model_version="v2")
