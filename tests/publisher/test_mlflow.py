"""What is published of a pyfunc model's predictions, and that the caller gets just those."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from streams.publisher import Publisher
from streams.publisher.mlflow import Published
from tests.publisher.arrivals import Read


class Fixed:
    """A model that always answers the same; keeps what it was asked with."""

    def __init__(self, found: Any) -> None:
        self.found = found
        self.params: dict[str, Any] | None = {"never": "asked"}

    def predict(self, _: Any, params: dict[str, Any] | None = None) -> Any:
        self.params = params
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


ONE = pd.DataFrame({"x": [1.0]})
CASES = {
    "array": (np.array([7]), "7", None),
    "probabilities": (np.array([[0.25, 0.75]]), "1", 0.75),
    "column": (pd.Series(["cat"]), "cat", None),
    "table of one column": (pd.DataFrame({"prediction": [3]}), "3", None),
    "table": (pd.DataFrame({"label": ["cat"], "score": [0.5]}), "cat", 0.5),
    "list": (["dog"], "dog", None),
    "several rows": (np.array([7, 8]), None, None),
    "text": ("7", None, None),
    "names": ({"label": 7}, None, None),
    "number": (7, None, None),
    "nothing": (None, None, None),
    "image": (np.zeros((1, 200, 200)), None, None),
}


class TestPredict:
    def test_what_a_model_says_is_in_the_log(self, publisher: Publisher, read: Read) -> None:
        """Class and score of one row; the caller gets the model's own object."""
        for name, (found, _, _) in CASES.items():
            model = Published(Fixed(found), publisher)
            assert model.predict(ONE, {"request_id": name}) is found
        told = {each.key: each.record for each in read("predictions", len(CASES))}
        said = {name: (told[name]["predicted_class"], told[name]["score"]) for name in CASES}
        assert said == {name: (label, score) for name, (_, label, score) in CASES.items()}
        assert {record["status"] for record in told.values()} == {"OK"}

    def test_a_failure_is_published_and_passed_on(self, publisher: Publisher, read: Read) -> None:
        """As an error of this version."""
        model = Published(Fixed(ZeroDivisionError()), publisher)
        with pytest.raises(ZeroDivisionError):
            model.predict(ONE, {"request_id": "r-1"})
        (arrived,) = read("predictions", 1)
        assert (arrived.key, arrived.record["status"]) == ("r-1", "ERROR")
        assert arrived.record["model_version"] == "v2"

    def test_the_models_own_parameters_are_passed_on(self, publisher: Publisher) -> None:
        """The request's id is not one of them."""
        fixed = Fixed([1])
        Published(fixed, publisher).predict(ONE, {"request_id": "r-1", "temperature": 0.5})
        assert fixed.params == {"temperature": 0.5}
        Published(fixed, publisher).predict(ONE)
        assert fixed.params is None
