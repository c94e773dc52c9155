"""How does any MLflow pyfunc model publish what it predicts?

    save("served", "models:/digits@champion", service="digits", model_version="v2")

writes a pyfunc model that is the given one and publishes each prediction, wherever it is loaded:
`mlflow models serve`, `mlflow.pyfunc.load_model`. Kafka is where DAVY_BOOTSTRAP says.
In a program of your own `Published(model, publisher)` does the same, without another file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from streams.errors import SettingsError
from streams.extras import lacking
from streams.publisher.publisher import Publisher
from streams.publisher.request import Answer
from streams.publisher.said import MAX_CLASSES, NOTHING, Said, said_of_rows

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

REQUEST_ID = "request_id"
"""The parameter of `predict` that names the request, so that labels find it."""
REQUIREMENTS = "requirements.txt"


class Predictor(Protocol):
    """What is needed of a pyfunc model."""

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Predict, for each row of `data`."""
        ...


class Published:
    """A pyfunc model whose every call of `predict` is one prediction, whatever becomes of it.

    Its latency is that of the model alone. A call with several rows is one request and names no
    class; with one row the class and the score are what `streams.publisher.said` reads.
    """

    def __init__(self, model: Predictor, publisher: Publisher) -> None:
        self._model = model
        self.publisher = publisher

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model predicts; `params["request_id"]` is not the model's."""
        rest = dict(params or {})
        with self.publisher.request(rest.pop(REQUEST_ID, None)) as answer:
            found = self._model.predict(data, params=rest or None)
            _tell(answer, found)
            return found


def save(
    path: str | Path,
    model_uri: str,
    *,
    service: str,
    model_version: str,
    pip_requirements: Sequence[str] | None = None,
) -> None:
    """Save a pyfunc model that publishes what the one at `model_uri` predicts.

    Args:
        path: a folder that is not there yet.
        model_uri: of the model: a folder, `runs:/...`, `models:/...`.
        service: as the rollout's spec calls it.
        model_version: as the rollout's spec calls it.
        pip_requirements: what a server must install; default: what the model asks for. Davy must
            be among what is installed there, too.

    Raises:
        SettingsError: MLflow is not installed.
    """
    pyfunc = _pyfunc()
    folder = Path(_local(model_uri))
    wanted = _requirements(folder) if pip_requirements is None else list(pip_requirements)
    pyfunc.save_model(
        path=os.fspath(path),
        loader_module=__name__,
        data_path=os.fspath(folder),
        signature=_with_request_id(_signature(folder)),
        model_config={"service": service, "model_version": model_version},
        pip_requirements=wanted,
    )


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any] | None = None) -> Published:
    """What MLflow calls where this module is a model's `loader_module`."""
    model = _pyfunc().load_model(data_path)
    return Published(model, Publisher.from_env(**dict(model_config or {})))


def _signature(folder: Path) -> ModelSignature | None:
    from mlflow.models import get_model_info  # noqa: PLC0415 - an extra

    found: ModelSignature | None = get_model_info(os.fspath(folder)).signature
    return found


def _with_request_id(signature: ModelSignature | None) -> ModelSignature:
    """The model's own signature, with one more parameter."""
    from mlflow.models import ModelSignature  # noqa: PLC0415 - an extra
    from mlflow.types import DataType, ParamSchema, ParamSpec  # noqa: PLC0415 - the same

    known = [] if signature is None or signature.params is None else signature.params.params
    mine = ParamSpec(REQUEST_ID, DataType.string, "")
    return ModelSignature(
        inputs=None if signature is None else signature.inputs,
        outputs=None if signature is None else signature.outputs,
        params=ParamSchema([*(each for each in known if each.name != REQUEST_ID), mine]),
    )


def _requirements(folder: Path) -> list[str]:
    file = folder / REQUIREMENTS
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in lines if line.strip()]


def _local(model_uri: str) -> str:
    """The folder of a model, fetched if it lies elsewhere."""
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - an extra

    return str(download_artifacts(artifact_uri=model_uri))


def _pyfunc() -> Any:
    try:
        import mlflow.pyfunc  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        told = f"{lacking(str(missing.name), 'mlflow')} pandas"
        raise SettingsError(told) from missing
    return mlflow.pyfunc


def _tell(answer: Answer, found: Any) -> None:
    """Put into the answer what the model says; a result that cannot be read says nothing."""
    said = _said(found)
    answer.predicted_class = said.predicted_class
    answer.score = said.score


def _said(found: Any) -> Said:
    try:
        if len(found) != 1 or getattr(found, "size", 1) > MAX_CLASSES:
            return NOTHING
        return said_of_rows(_rows(found))
    except Exception:  # noqa: BLE001 - the model has answered, and nothing may keep the answer back
        return NOTHING


def _rows(found: Any) -> list[Any]:
    """Rows of plain values: of a table, an array, a column, a list; none of anything else."""
    if hasattr(found, "columns"):
        if len(found.columns) == 1:
            return list(found.iloc[:, 0].tolist())
        return list(found.to_dict(orient="records"))
    if hasattr(found, "tolist"):
        return list(found.tolist())
    return found if isinstance(found, list) else []
