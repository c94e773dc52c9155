"""Records that are read in packs come as aiokafka's fetcher would hand them out."""

import gzip
import struct
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from streams.agents.batch_format import Head
from streams.agents.lean import LeanRecords, count_of, getall, last_offset_of
from streams.agents.packs import LEAST, MOST_BYTES, BatchBytes, Pack
from streams.agents.records import Records
from tests.agents.fetches import Assigned
from tests.wire.kafka_batches import APPEND_TIME, CONTROL, Sent, batch, with_crc

SOURCE, OTHER = TopicPartition("predictions", 0), TopicPartition("panes", 0)
SENT = [Sent(b"value-%d" % i, b"key-%d" % i) for i in range(20)]
TRANSACTIONAL = 0x10
PRODUCER = 7


@pytest.fixture(autouse=True)
def lean(monkeypatch):
    monkeypatch.setattr(LeanRecords, "topics", frozenset({SOURCE.topic}))
    monkeypatch.setattr(LeanRecords, "most", 1000)


def of_producer(log: bytes) -> bytes:
    """The same batch, of a producer with an id."""
    changed = bytearray(log)
    struct.pack_into(">q", changed, 43, PRODUCER)
    return bytes(changed)


def fetched(log, *, tp=SOURCE, offset=0, aborted=(), check=False, lean=True):
    """An iterator over what one fetch brought."""
    form, records = (LeanRecords, BatchBytes) if lean else (PartitionRecords, MemoryRecords)
    return form(tp, records(log), list(aborted), offset, None, None, check, READ_COMMITTED)


def facts(records):
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in Records([*records])]


def same(log, **options):
    """What is read in packs; aiokafka alone reads the same, and goes on from the same offset."""
    ours, theirs = fetched(log, **options), fetched(log, lean=False, **options)
    found = [*ours]
    assert facts(found) == facts(theirs)
    assert ours.next_fetch_offset == theirs.next_fetch_offset
    return found


class TestAsAiokafka:
    def test_packs(self):
        found = same(batch(SENT, 5) + batch(SENT[:3], 25) + batch(SENT, 28), offset=5)
        assert [count_of(each) for each in found] == [20, 1, 1, 1, 20]

    def test_other_topics_are_left_alone(self):
        found = [*fetched(batch(SENT, 0), tp=OTHER)]
        assert [each.topic for each in found] == [OTHER.topic] * 20

    @pytest.mark.parametrize("offset", [6, 24, 25])
    def test_who_seeks_into_a_batch_gets_the_rest_of_it(self, offset):
        found = same(batch(SENT, 5) + batch(SENT, 25), offset=offset)
        assert sum(map(count_of, found)) == 45 - offset

    def test_control_batches_are_skipped(self):
        log = batch(SENT[:1], 20, attributes=APPEND_TIME | CONTROL)
        assert last_offset_of(same(batch(SENT, 0) + log + batch(SENT, 21))[-1]) == 40

    def test_control_batches_are_skipped_however_many_records_they_have(self):
        log = batch(SENT, 20, attributes=APPEND_TIME | CONTROL)
        assert [count_of(each) for each in same(batch(SENT, 0) + log + batch(SENT, 40))] == [20, 20]

    def test_what_was_aborted_is_not_even_unpacked(self, monkeypatch):
        monkeypatch.setattr(Head, "unpacked", None)
        log = of_producer(batch(SENT, 0, codec=1, attributes=APPEND_TIME | TRANSACTIONAL))
        assert same(log, aborted=[(PRODUCER, 0)]) == []

    def test_create_time(self):
        found = same(batch(SENT, 0, attributes=0))
        assert len({each.timestamp for each in found}) == 20

    @pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
    def test_a_damaged_batch_is_told_as_what_it_is(self, codec):
        log = bytearray(with_crc(batch(SENT, 0, codec=codec)))
        assert len(next(fetched(bytes(log), check=True))) == 20
        log[-3] ^= 0xFF
        with pytest.raises(CorruptRecordException, match="Invalid CRC"):
            next(fetched(bytes(log), check=True))

    @pytest.mark.parametrize("cut", [1, 11, 12, 40, 100])
    def test_a_batch_that_is_not_there_whole(self, cut):
        assert sum(map(count_of, same(batch(SENT, 0) + batch(SENT, 20)[:cut]))) == 20


class TestNamesOfHeaders:
    """Brokers take any bytes as a header's name; aiokafka reads UTF-8 alone."""

    def bad(self, log: bytes) -> bytes:
        assert b"name" in log
        return log.replace(b"name", b"na\xffe")

    @pytest.mark.parametrize("attributes", [0, APPEND_TIME])
    @pytest.mark.parametrize("count", [LEAST - 1, LEAST + 4])
    def test_one_that_is_no_text_costs_nothing(self, attributes, count):
        sent = [each._replace(headers=[("ok", b"1")]) for each in SENT[:count]]
        sent[count // 2] = sent[count // 2]._replace(headers=[("name", b"x"), ("none", None)])
        log = batch(sent, 3, attributes=attributes)
        with pytest.raises(UnicodeDecodeError):
            [*fetched(self.bad(log), lean=False)]
        expected = facts(fetched(log, lean=False))
        expected[count // 2][4][0] = ("na\N{REPLACEMENT CHARACTER}e", b"x")
        assert facts(fetched(self.bad(log))) == expected

    def test_batches_behind_it_come_too(self):
        sent = [SENT[0], Sent(b"v", b"k", [("name", b"x")]), SENT[2]]
        log = self.bad(batch(sent, 0)) + batch(SENT, 3) + self.bad(batch(sent, 23))
        result = fetched(log, offset=1)
        assert [count_of(each) for each in result] == [1, 1, 20, 1, 1, 1]
        assert result.next_fetch_offset == 26

    def test_behind_a_batch_of_which_nothing_is_left_to_read(self):
        """Whoever was sought into it, and what was deleted of it."""
        sent = [Sent(b"v", b"k", [("name", b"x")])]
        first = bytearray(self.bad(batch(sent * 2, 0)))
        first[23:27] = (5).to_bytes(4, "big")  # the last offset was 5: three records are gone
        log = bytes(first) + self.bad(batch(sent, 6)) + self.bad(batch(sent, 7))
        for offset in (0, 1, 2, 4, 6, 7):
            result = fetched(log, offset=offset)
            assert [each.offset for each in result] == [n for n in (0, 1, 6, 7) if n >= offset]
            assert result.next_fetch_offset == 8


def test_a_batch_that_makes_no_sense_is_told_as_corrupt():
    """Though its checksum is right."""
    log = bytearray(batch([Sent(b"v")], 0))
    log[61] = 0x7E  # the record's length
    log[66] = 0x7E  # its value's length
    for lean in (True, False):
        with pytest.raises(CorruptRecordException):
            [*fetched(bytes(log), lean=lean)]


class TestSizes:
    def test_a_large_batch_is_no_pack(self):
        """A few kilobytes on the wire may be gigabytes."""
        zeros = Sent(bytes(MOST_BYTES // LEAST))
        log = batch([zeros] * LEAST, 0, codec=1)
        assert len(log) < len(gzip.compress(bytes(2 * MOST_BYTES))) < MOST_BYTES // 100
        assert len(same(log)) == LEAST

    def test_packs_say_little_of_themselves(self):
        (pack,) = fetched(batch(SENT, 0))
        assert len(repr(pack)) < 300


class TestGetall:
    def result(self, log):
        return FetchResult(SOURCE, assignment=Assigned(), partition_records=fetched(log), backoff=0)

    def test_a_pack_counts_as_its_records(self):
        result = self.result(batch(SENT[:3], 0) + batch(SENT, 3) + batch(SENT, 23))
        assert [count_of(each) for each in getall(result, 2)] == [1, 1]
        assert [count_of(each) for each in getall(result, 3)] == [1, 20]
        assert result._assignment.position == 23
        assert [count_of(each) for each in getall(result, 20)] == [20]
        assert getall(result, 20) == []
        assert not result.has_more()

    def test_large_packs_come_by_and_by(self):
        large = [Sent(bytes(MOST_BYTES // LEAST - 100))] * LEAST
        result = self.result(b"".join(batch(large, LEAST * at, codec=1) for at in range(5)))
        assert [len(getall(result, 10_000)) for _ in range(3)] == [2, 2, 1]

    def test_large_records_come_by_and_by_too(self):
        """Small ones before them say nothing of how large they are."""
        large = [Sent(bytes(MOST_BYTES // 4))] * 3
        log = batch(SENT[:3], 0) + b"".join(batch(large, 3 + 3 * at, codec=1) for at in range(4))
        result = self.result(log)
        assert [len(getall(result, 10_000)) for _ in range(3)] == [7, 4, 4]

    def test_without_a_bound_all_comes(self):
        result = self.result(batch(SENT, 0) + batch(SENT[:2], 20))
        assert [count_of(each) for each in getall(result)] == [20, 1, 1]
        assert (result.has_more(), result._assignment.position) == (False, 22)

    def test_a_partition_that_was_taken_away_gives_nothing(self):
        result = self.result(batch(SENT, 0))
        result._assignment = SimpleNamespace(active=False)
        assert getall(result, 5) == []
        assert not result.has_more()


class TestOffsets:
    """Brokers count offsets; how far a record says it is from the first, they need not look at."""

    @pytest.mark.parametrize("attributes", [0, APPEND_TIME])
    @pytest.mark.parametrize("places", [(5, 4, 3), (3, 3), (1,), (900,), (-2,), (3, 5, 4, 900)])
    def test_each_is_counted_once_and_found_where_it_was_counted(self, places, attributes):
        told = {3 + at: place for at, place in enumerate(places)}
        log = batch(SENT[:8], 100, places=told, attributes=attributes) + batch(SENT, 108)
        result = fetched(log, offset=100)
        records = Records([*result])
        _, offsets = records.told_by_broker
        assert offsets.tolist() == [r.offset for r in records] == [*range(100, 128)]
        assert [r.value for r in records] == [r.value for r in (*SENT[:8], *SENT)]
        assert isinstance(records._parts[0], Pack) == bool(attributes)
        assert result.next_fetch_offset == 128

    @pytest.mark.parametrize("offset", [100, 103, 105, 107])
    def test_who_seeks_gets_those_that_were_not_counted(self, offset):
        log = batch(SENT[:8], 100, places={3: 5, 4: 4, 5: 3, 6: 900})
        found = [*Records([*fetched(log, offset=offset)])]
        assert [r.offset for r in found] == [*range(offset, 108)]
        assert [r.value for r in found] == [each.value for each in SENT[offset - 100 : 8]]

    def test_where_records_are_missing_none_leads_beyond_its_batch(self):
        log = bytearray(batch(SENT[:3], 100, places={1: 900, 2: 4}))
        log[23:27] = (9).to_bytes(4, "big")
        result = fetched(bytes(log) + batch(SENT, 110), offset=100)
        assert sum(map(count_of, result)) == 22
        assert result.next_fetch_offset == 130
