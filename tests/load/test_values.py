"""What the load is made of is what its name says."""

import numpy as np
import pytest

from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.store import LocalSchemaStore
from tests.load.feeder import records
from tests.load.values import Kind, Maker, keys, rows

CODEC = Codec(LocalSchemaStore())
TIMES = np.arange(100) + 1_790_000_000_000


def values(**strange: bool) -> list[bytes]:
    return rows(Maker(CODEC, Kind(**strange)).block(7, TIMES))


def test_ordinary_predictions_are_read_back():
    columns = decode_predictions(values(), CODEC)
    assert columns.event_ms.tolist() == TIMES.tolist()
    assert (columns.service.names, set(columns.version.names)) == (("digits",), {"v1", "v2"})
    assert not columns.rejected
    first = CODEC.decode("predictions", values()[0])
    assert first["request_id"] == keys(7, 1)[0]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("strange_service", "service"),
        ("strange_version", "version"),
        ("strange_class", "predicted_class"),
    ],
)
def test_strange_fields_differ_in_every_event(field: str, told: str):
    columns = decode_predictions(values(**{field: True}), CODEC)
    assert len(getattr(columns, told).names) == 100
    assert not columns.rejected


def test_strange_segments_and_units():
    columns = decode_predictions(values(strange_segment=True, strange_unit=True), CODEC)
    assert len(columns.segment("country").names) == len(set(columns.unit_hash.tolist())) == 100


def test_segments_that_a_spec_may_declare():
    maker = Maker(CODEC, Kind(country="SG"))
    columns = decode_predictions(rows(maker.block(7, TIMES)), CODEC)
    assert columns.segment("country").names == ("SG",)
    assert not columns.rejected


def test_strangers_take_turns_with_ordinary_ones():
    """All have request ids of their own, which are their keys."""
    makers = [Maker(CODEC), Maker(CODEC, Kind(strange_version=True))]
    made = records(makers, 7, TIMES)
    columns = decode_predictions([record["value"] for record in made], CODEC)
    versions = [columns.version.names[code] for code in columns.version.codes]
    assert {name in {"v1", "v2"} for name in versions[::2]} == {True}
    assert len(set(versions[1::2])) == 100
    assert len({record["key"] for record in made}) == 200


def test_malformed_ones_are_refused():
    assert len(decode_predictions(values(malformed=True), CODEC).rejected) == 100
