"""Class and score of what models answer, in the words of both of KServe's protocols."""

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.publisher.drafts import MAX_TEXT
from streams.publisher.said import MAX_CLASSES, NOTHING, Said, said_of_body, said_of_row


def v1(*rows: object) -> bytes:
    return json.dumps({"predictions": list(rows)}).encode()


def tensor(datatype: str, shape: list[Any], data: list[Any]) -> dict[str, Any]:
    return {"name": "out", "datatype": datatype, "shape": shape, "data": data}


def v2(*outputs: object) -> bytes:
    return json.dumps({"model_name": "digits", "outputs": list(outputs)}).encode()


class TestV1:
    @pytest.mark.parametrize(
        ("row", "said"),
        [
            (7, Said("7")),
            ("cat", Said("cat")),
            (True, Said("True")),
            (0.75, Said(score=0.75)),
            ([[7]], Said("7")),
            ([0.125, 0.75, 0.125], Said("1", 0.75)),
            ([0, 1.0], Said("1", 1.0)),
            ({"label": "cat", "score": 0.5}, Said("cat", 0.5)),
            ({"class": 3, "probability": 1}, Said("3", 1.0)),
            ("x" * 300, Said("x" * MAX_TEXT)),
        ],
    )
    def test_one_row(self, row: object, said: Said) -> None:
        """A class, a share, probabilities, or names for them."""
        assert said_of_body(v1(row)) == said

    @pytest.mark.parametrize(
        "row",
        [
            None,
            "",
            -0.5,
            17.5,
            10**30,
            [],
            [0, 1],
            [0.5, 0.25],
            [2.0, -1.0],
            [1e308, 1e308],
            [0.5, "0.5"],
            [[0.5, 0.5], [0.5, 0.5]],
            [1 / (MAX_CLASSES + 1)] * (MAX_CLASSES + 1),
            {"label": [1], "score": "high"},
            {"anything": 7},
        ],
    )
    def test_what_is_not_clear_says_nothing(self, row: object) -> None:
        """Regressions, embeddings, several outputs: the answer counts, a class is not made up."""
        assert said_of_body(v1(row)) == NOTHING

    def test_several_rows_have_no_class(self) -> None:
        """One request is one prediction, however many rows it asks about."""
        assert said_of_body(v1(1, 2)) == NOTHING
        assert said_of_body(v1()) == NOTHING


class TestV2:
    @pytest.mark.parametrize(
        ("outputs", "said"),
        [
            ([tensor("INT64", [1], [7])], Said("7")),
            ([tensor("BYTES", [1, 1], [["cat"]])], Said("cat")),
            ([tensor("FP32", [1], [0.25])], Said(score=0.25)),
            ([tensor("FP32", [1, 2], [0.25, 0.75])], Said("1", 0.75)),
            ([tensor("FP64", [1, 2], [[0, 1]])], Said("1", 1.0)),
            ([tensor("FP32", [1, 2], [0.25, 0.75]), tensor("INT32", [1], [4])], Said("4", 0.75)),
        ],
    )
    def test_one_row(self, outputs: list[object], said: Said) -> None:
        """Whole numbers and texts are classes, real numbers shares."""
        assert said_of_body(v2(*outputs)) == said

    @pytest.mark.parametrize(
        "output",
        [
            tensor("INT64", [2], [7, 7]),
            tensor("INT64", [1], [7, 7]),
            tensor("INT64", [True], [7]),
            tensor("INT64", [], [7]),
            tensor("INT64", [1] * 9, [7]),
            tensor("INT64", [1, 2**40], [7]),
            tensor("INT64", [1], [7.0]),
            tensor("INT64", [1, 2], [0, 1]),
            tensor("FP32", [1], ["0.5"]),
            tensor("FP32", [1, 2], [0.5, None]),
            tensor("FP32", [1, 3], [0.1, 0.2, 0.3]),
            tensor("COMPLEX", [1], [7]),
            {"datatype": "INT64", "shape": [1]},
            {"datatype": 64, "shape": [1], "data": [7]},
            7,
        ],
    )
    def test_what_does_not_fit_says_nothing(self, output: object) -> None:
        """A shape, a type and data that belong together, or nothing."""
        assert said_of_body(v2(output)) == NOTHING


class TestNoResponse:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff\xfe",
            b"7",
            b"[7]",
            b"{}",
            b'{"predictions": {"a": 1}}',
            b'{"predictions": [NaN]}',
            b'{"outputs": "7"}',
            b'{"instances": [[1, 2]]}',
            b'{"predictions": ' + b"[" * 100_000,
            b'{"predictions": [' + b"9" * 5000 + b"]}",
        ],
        ids=range(11),
    )
    def test_it_is_not_read(self, body: bytes) -> None:
        """Neither V1 nor V2: the caller counts it."""
        assert said_of_body(body) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["INT64", "FP32", "BYTES", "BOOL"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["datatype", "shape", "data", "label", "score"]) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.mark.property
class TestAnything:
    @given(JSON, st.sampled_from(["predictions", "outputs"]))
    def test_what_is_read_makes_sense(self, rows: object, name: str) -> None:
        """A class is a text of some length, a score a share; whatever the rows are."""
        said = said_of_body(json.dumps({name: [rows]}).encode())
        if said is not None:
            assert_sensible(said)

    @given(st.binary())
    def test_bytes_are_no_trouble(self, body: bytes) -> None:
        """Nothing raises."""
        said = said_of_body(body)
        assert said is None or said == NOTHING

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
    def test_probabilities(self, weights: list[float]) -> None:
        """The largest share is the class, where shares sum to one."""
        total = math.fsum(weights)
        assume(total > 1e-300)
        shares = [weight / total for weight in weights]
        said = said_of_row(shares)
        assert said == Said(str(shares.index(max(shares))), min(1.0, max(shares)))


def assert_sensible(said: Said) -> None:
    assert said.predicted_class is None or 0 < len(said.predicted_class) <= MAX_TEXT
    assert said.score is None or 0 <= said.score <= 1
