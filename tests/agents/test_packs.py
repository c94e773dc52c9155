"""A worker gets of a producer's batch what aiokafka reads of it, one by one or as a pack."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.packs import LEAST, Pack
from streams.agents.polling import Polled
from streams.agents.records import Records
from streams.wire.batch import Parts, single
from tests.wire.kafka_batches import APPEND_MS, APPEND_TIME, CONTROL, Sent, batch, read

SENT = [Sent(b"value-%d" % i, b"key-%d" % i, [("h", b"%d" % i)]) for i in range(20)]


def facts(records):
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records]


def packs(records):
    return [part for part in records._parts if isinstance(part, Pack)]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_a_pack_holds_what_aiokafka_reads(codec):
    log = batch(SENT, 1000, codec=codec)
    records = read(log)
    assert len(packs(records)) == 1
    assert facts(records) == facts(read(log, packed=False))
    assert (len(records), records.first_offset, records.last_offset) == (20, 1000, 1019)
    assert facts(records[3:5]) == facts(list(records)[3:5])


@pytest.mark.parametrize(
    ("log", "options"),
    [
        (batch(SENT, 50, attributes=0), {}),
        (batch(SENT, 50, attributes=APPEND_TIME | CONTROL), {}),
        (batch(SENT[: LEAST - 1], 50), {}),
        (batch(SENT, 50), {"first_offset": 51}),
        (batch(SENT, 50), {"most": 19}),
    ],
    ids=["create time", "control", "few", "sought into", "more than a poll may have"],
)
def test_what_comes_as_no_pack(log, options):
    assert packs(read(log, **options)) == []
    assert facts(read(log, **options)) == facts(read(log, packed=False, **options))


def test_a_batch_that_was_compacted_is_no_pack():
    """Records of it are missing, so offsets are not one after the other."""
    log = bytearray(batch(SENT, 50, places={19: 30}))
    log[23:27] = (30).to_bytes(4, "big")  # the last one's distance, more than the count says
    records = read(bytes(log))
    assert packs(records) == []
    assert facts(records) == facts(read(bytes(log), packed=False))
    assert [records[0].offset, records[-1].offset] == [50, 80]


def test_what_the_broker_says_is_said_of_all():
    log = batch(SENT, 7) + batch(SENT[:3], 27) + batch(SENT, 30)
    times, offsets = read(log).told_by_broker
    assert offsets.tolist() == list(range(7, 50))
    assert set(times.tolist()) == {APPEND_MS}
    assert (times.dtype, offsets.dtype) == (np.int64, np.int64)
    nothing = Records([]).told_by_broker
    assert [each.tolist() for each in nothing] == [[], []]


def test_values_come_in_the_order_of_the_log():
    log = batch(SENT[:3], 0) + batch(SENT, 3) + batch(SENT[:2], 23)
    values = read(log).values
    assert isinstance(values, Parts)
    assert single(values) == [each.value for each in (*SENT[:3], *SENT, *SENT[:2])]


def test_a_few_are_from_all_over():
    log = b"".join(batch(SENT, 20 * at) for at in range(30))
    found = [record.offset for record in read(log).some(8)]
    assert len(found) == 8
    assert found[-1] > 400
    assert len({record.offset for record in read(batch(SENT, 0)).some(8)}) == 8
    assert read(batch(SENT[:2], 0)).some(8)
    assert read(b"").some(8) == []


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 9))
def test_a_few_are_no_more_than_asked_for(sizes, most):
    """From packs, and from records between them."""
    log, at = b"", 0
    for size in sizes:
        log, at = log + batch((SENT * 2)[:size], at), at + size
    records = read(log)
    found = [record.offset for record in records.some(most)]
    assert 1 <= len(found) <= most
    assert found == sorted(set(found))
    parts = len(records._parts)
    assert most < parts or len(found) >= parts


def test_single_records_are_found_where_they_are():
    records = read(batch(SENT[:3], 0) + batch(SENT, 3) + batch(SENT[:2], 23))
    assert [records[at].offset for at in range(-25, 25)] == [*range(25), *range(25)]
    assert [record.offset for record in records[2:5]] == [2, 3, 4]
    with pytest.raises(IndexError):
        records[25]


def test_packs_stay_whole_where_nothing_is_cut_off():
    records = read(batch(SENT, 10) + batch(SENT, 30))
    assert records.since(10) is records.before(50) is records
    assert [record.offset for record in records.since(48)] == [48, 49]
    assert [record.offset for record in records.before(12)] == [10, 11]
    assert len(Records().since(3)) == len(Records().before(3)) == 0


@given(st.lists(st.integers(1, 30), max_size=8))
def test_polls_count_records_and_bytes(sizes):
    """However they come."""
    polled = Polled()
    for size in sizes:
        part = read(batch((SENT * 2)[:size], polled.count))
        polled.add([each for p in part._parts for each in ([p] if isinstance(p, Pack) else p)])
    assert polled.count == sum(sizes) == len(polled.records)
    assert [record.offset for record in polled.records] == list(range(sum(sizes)))
