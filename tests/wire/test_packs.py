"""Packs are decoded at once, and nobody can tell: each record's outcome is what it is alone."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from streams.agents.packs import LEAST
from streams.errors import RegistryAway
from streams.wire.batch import Parts
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.framing import frame, schema_id_of
from streams.wire.outcome_columns import decode_outcomes
from streams.wire.packed_rows import decoded_packs
from streams.wire.packs import form_of
from tests.wire.kafka_batches import Sent, batch, read
from tests.wire.outcomes import counted, outcomes
from tests.wire.samples import RECORDS
from tests.wire.writers import foreign, mutations, value

MANY, SOME = 40, LEAST
(LABEL,) = RECORDS["outcomes"]


def packs_of(values):
    """The packs among these values, by the part that each is."""
    parts = values.parts if isinstance(values, Parts) else ()
    return {i: part for i, part in enumerate(parts) if not isinstance(part, list)}


def rows_at_once(records, codec, *, most=1_000_000):
    """How many rows were read without looking at any value alone."""
    found = decoded_packs("predictions", packs_of(records.values), codec, most)
    return sum(part.rows.row.size for part in found)


@pytest.fixture
def good(codec):
    return [Sent(value(codec, request_id=f"r-{i}"), b"k-%d" % i) for i in range(MANY)]


class TestFast:
    @pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
    def test_usual_packs_are_read_at_once(self, codec, good, compression):
        log = batch(good, 100, codec=compression) + batch(good, 140, codec=compression)
        records = read(log)
        assert rows_at_once(records, codec) == 2 * MANY
        columns = decode_predictions(records.values, codec)
        assert columns.row.tolist() == list(range(2 * MANY))
        assert columns.request_ids.to_pylist() == [f"r-{i}" for i in range(MANY)] * 2
        assert columns.rejected == ()

    def test_without_keys_too(self, codec, good):
        records = read(batch([each._replace(key=None) for each in good], 0))
        assert rows_at_once(records, codec) == MANY

    def test_keys_may_be_any_bytes(self, codec, good):
        records = read(batch([each._replace(key=b"\xff\xfe") for each in good], 0))
        assert rows_at_once(records, codec) == MANY
        assert decode_predictions(records.values, codec).row.tolist() == list(range(MANY))

    def test_packs_of_several_writers(self, codec):
        """Each form is decoded together, and rows come back in the order of the log."""
        writers = [one for one in foreign(codec)[:8] for _ in range(2)]
        log = b"".join(batch([Sent(one)] * SOME, SOME * at) for at, one in enumerate(writers))
        records = read(log)
        assert rows_at_once(records, codec) == SOME * len(writers)
        columns = decode_predictions(records.values, codec)
        assert columns.row.tolist() == list(range(SOME * len(writers)))


class Asked(Codec):
    """Knows which schemas were asked for; of those not known the registry says nothing now."""

    def __init__(self, codec, known):
        self._codec, self._known = codec, known
        self.asked = set()

    def reader(self, topic, schema_id):
        self.asked.add(schema_id)
        if schema_id not in self._known:
            raise RegistryAway(f"no answer for {schema_id}", again=dict)
        return self._codec.reader(topic, schema_id)


def fate(values, codec, most):
    """What is asked of the registry, and what comes of it."""
    asked = Asked(codec, {1})
    try:
        columns = decode_predictions(values, asked, max_event_bytes=most)
    except RegistryAway:
        return asked.asked, None
    return asked.asked, outcomes(columns, MANY)


class TestRegistry:
    """It is asked for the ids of values, and of nothing that looks like one."""

    @pytest.mark.parametrize("at", [0, 1])
    @pytest.mark.parametrize(
        "first",
        [None, b"", b"\0", b"\0\1", frame(77, bytes(2_000)), frame(77, b""), frame(77, b"abc")],
    )
    def test_the_same_as_for_values_alone(self, codec, good, first, at):
        assert good[0].value is not None
        assert schema_id_of(good[0].value) == 1
        sent = [*good[:at], good[at]._replace(value=first), *good[at + 1 :]]
        asked, packed = fate(read(batch(sent, 0)).values, codec, 1_000)
        asked_alone, alone = fate([each.value for each in sent], codec, 1_000)
        assert packed == alone
        assert asked <= asked_alone

    def test_a_pack_of_large_values(self, codec, good):
        sent = [each._replace(value=frame(77, bytes(2_000))) for each in good]
        assert fate(read(batch(sent, 0)).values, codec, 1_000)[0] == set()


class TestNotTrusted:
    """One record that is not as all others are, and its pack is read value by value."""

    def odd(self, codec, good, at, each):
        """A pack with one odd record behind a usual one."""
        changed = [*good[:at], each, *good[at + 1 :]]
        records = read(batch(good, 0) + batch(changed, MANY))
        assert rows_at_once(records, codec) == MANY
        columns = decode_predictions(records.values, codec)
        expected = decode_predictions([sent.value for sent in [*good, *changed]], codec)
        assert outcomes(columns, 2 * MANY) == outcomes(expected, 2 * MANY)
        return columns

    @pytest.mark.parametrize("at", [0, 17, MANY - 1])
    def test_what_is_odd(self, codec, good, at):
        usual = good[at]
        body = usual.value
        for each in (
            usual._replace(headers=[("traceparent", b"00-1")]),
            usual._replace(value=None),
            usual._replace(value=b""),
            usual._replace(value=b"\x01" + body[1:]),
            usual._replace(value=b"\x00\x00\x00\x00\x0c" + body[5:]),
            usual._replace(value=body[:-1]),
            usual._replace(value=body + b"\x00"),
            usual._replace(value=body.replace(b"digits", b"dig\xffts")),
            usual._replace(key=None),
        ):
            self.odd(codec, good, at, each)

    def test_the_largest_are_refused(self, codec, good):
        records = read(batch(good, 0))
        most = max(len(each.value) for each in good) - 1
        assert rows_at_once(records, codec, most=most) == 0
        columns = decode_predictions(records.values, codec, max_event_bytes=most)
        expected = decode_predictions([s.value for s in good], codec, max_event_bytes=most)
        assert outcomes(columns, MANY) == outcomes(expected, MANY)

    def test_a_pack_of_nonsense_has_no_form(self, codec):
        records = read(batch([Sent(b"{}")] * SOME, 0))
        assert [form_of(pack, 1_000) for pack in packs_of(records.values).values()] == [None]
        assert decode_predictions(records.values, codec).row.size == 0


@pytest.mark.property
class TestLaws:
    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_packs_leave_no_trace(self, codec, data):
        """Whatever producers send and however they cut it: as if there were no packs."""
        values = data.draw(mutations(foreign(codec)))
        keys = st.none() | st.sampled_from([b"", b"k", b"\xff" * 70])
        key = data.draw(keys)
        odd = data.draw(st.sets(st.integers(0, max(len(values) - 1, 0)), max_size=2))
        sent = [Sent(v, data.draw(keys) if i in odd else key) for i, v in enumerate(values)]
        cuts = data.draw(st.sets(st.integers(0, len(sent)), max_size=3))
        bounds = sorted({0, len(sent), *cuts})
        log = b"".join(batch(sent[a:b], a) for a, b in pairwise(bounds))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streams.agents.packs.LEAST", 1)
            records = read(log)
        columns = decode_predictions(records.values, codec)
        alone = decode_predictions(values, codec)
        assert outcomes(columns, len(values)) == outcomes(alone, len(values))
        assert counted(columns) == counted(alone)

    @settings(
        max_examples=300,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.filter_too_much,  # most damage is noticed
        ],
    )
    @given(data=st.data())
    def test_a_payload_that_is_trusted_is_read_as_aiokafka_reads_it(self, codec, good, data):
        """Damage of a value alone, that all lengths agree with, is no damage to a batch."""
        usual = packs_of(read(batch(good[:SOME], 0)).values)[0]
        payload = bytearray(usual.payload)
        for _ in range(data.draw(st.integers(1, 2))):
            at = data.draw(st.integers(0, len(payload) - 1))
            if data.draw(st.booleans()):
                payload[at] ^= data.draw(st.integers(1, 255))
            else:
                payload[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
        assume(payload != usual.payload)
        damaged = replace(usual, payload=bytes(payload))
        assume(decoded_packs("predictions", {0: damaged}, codec, 10_000))
        columns = decode_predictions(Parts([damaged]), codec)
        assert outcomes(columns, SOME) == outcomes(
            decode_predictions(damaged.values(), codec), SOME
        )


def test_outcomes_come_in_packs_too(codec):
    values = [codec.encode("outcomes", LABEL | {"outcome_id": f"o-{i}"}) for i in range(MANY)]
    sent = [Sent(each, b"r") for each in values]
    bad = Sent(codec.encode("outcomes", LABEL | {"label": None}), b"r")
    records = read(batch(sent, 0) + batch([*sent[:20], bad, *sent[21:]], MANY))
    assert isinstance(records.values, Parts)
    columns = decode_outcomes(records.values, codec)
    alone = decode_outcomes([record.value for record in records], codec)
    assert columns.row.tolist() == alone.row.tolist()
    assert columns.outcome_ids.to_pylist() == alone.outcome_ids.to_pylist()
    assert columns.rejected == alone.rejected
    assert [refused.row for refused in columns.rejected] == [MANY + 20]
