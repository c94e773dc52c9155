"""Commands read and write the log, and say what is wrong when they cannot."""

import pytest
from confluent_kafka import Producer

from streams.cli import log as log_room
from streams.cli.log import Log
from streams.cli.rollouts import rollout_record
from streams.errors import LogError, SettingsError
from streams.settings import Settings
from tests.agents.pipeline import spec


def lease(rollout, pane):
    return {
        "rollout": rollout,
        "spec_hash": "0" * 32,
        "pane": pane,
        "valid_ms": 30_000,
        "state": "LIVE",
    }


def produce(settings, topic, key, value):
    producer = Producer(settings.confluent(partitioner="murmur2_random"))
    producer.produce(settings.topic(topic), key=key, value=value)
    assert producer.flush(10) == 0


class TestWriteAndRead:
    def test_what_was_written_is_read(self, log):
        for number in range(5):
            log.write("leases", f"r{number}", lease(f"r{number}", number))
        found = {entry.key: entry.record["pane"] for entry in log.read("leases")}
        assert found == {f"r{number}": number for number in range(5)}

    def test_an_empty_topic_ends_at_once(self, log):
        assert list(log.read("leases")) == []

    def test_a_record_that_cannot_be_read_is_told_and_passed_over(self, log, settings, caplog):
        produce(settings, "leases", "r", b"rubbish")
        log.write("leases", "r", lease("r", 1))
        assert [entry.record["pane"] for entry in log.read("leases")] == [1]
        assert "skipped" in caplog.text

    def test_of_many_the_first_few_are_told_and_the_others_counted(self, log, settings, caplog):
        for number in range(9):
            produce(settings, "leases", "r", b"rubbish %d" % number)
        log.write("leases", "r", lease("r", 1))
        for told in (log.read("leases"), log.follow("leases", back=None, wait=False)):
            caplog.clear()
            assert [entry.record["pane"] for entry in told] == [1]
            lines = [record.getMessage() for record in caplog.records]
            assert [line.partition(" ")[0] for line in lines] == [*["skipped"] * 3, "6"]
            assert lines[-1].startswith("6 more like these, the last: skipped ")

    def test_tombstones_are_entries_without_a_record(self, log, settings):
        produce(settings, "leases", "r", None)
        assert [entry.record for entry in log.read("leases")] == [None]


class TestNewest:
    def test_is_found_behind_many_others(self, log, monkeypatch):
        """Windows grow backwards until the key is found."""
        monkeypatch.setattr(log_room, "FIRST_WINDOW", 2)
        log.write("leases", "wanted", lease("wanted", 1))
        log.write("leases", "wanted", lease("wanted", 2))
        for number in range(20):
            log.write("leases", f"other{number}", lease("other", number))
        assert log.newest("leases", "wanted").record["pane"] == 2

    def test_of_a_key_that_never_was(self, log):
        log.write("leases", "other", lease("other", 1))
        assert log.newest("leases", "wanted") is None

    @pytest.mark.parametrize("key", ["digits-v2", "a", "", "ä", "x" * 100])
    def test_looks_in_the_partition_that_the_writer_chose(self, log, key):
        log.write("leases", key, lease(key, 3))
        assert log.newest("leases", key).record["pane"] == 3


class TestFollow:
    def test_from_so_far_back_to_the_end(self, log):
        for number in range(6):
            log.write("leases", "r", lease("r", number))
        found = log.follow("leases", back=2, wait=False)
        assert [entry.record["pane"] for entry in found] == [4, 5]

    def test_from_the_beginning(self, log):
        for number in range(3):
            log.write("leases", "r", lease("r", number))
        found = log.follow("leases", back=None, wait=False)
        assert [entry.record["pane"] for entry in found] == [0, 1, 2]

    def test_waits_for_new_ones(self, log):
        found = log.follow("leases", back=1, wait=True)
        log.write("leases", "r", lease("r", 0))
        assert next(found).record["pane"] == 0
        log.write("leases", "r", lease("r", 1))
        assert next(found).record["pane"] == 1
        found.close()


class TestWhatGoesWrong:
    def test_missing_topic(self, settings):
        with pytest.raises(LogError, match="run `davy topics create`"):
            list(Log(settings).read("leases"))

    def test_no_broker(self, monkeypatch):
        monkeypatch.setattr(log_room, "ANSWER_S", 0.2)
        nowhere = Settings(bootstrap="127.0.0.1:1", kafka={"log_level": "0"})
        with pytest.raises(LogError, match=r"127.0.0.1:1 does not answer"):
            list(Log(nowhere).read("leases"))

    def test_not_delivered(self, monkeypatch):
        monkeypatch.setattr(log_room, "DELIVERY_S", 0.2)
        nowhere = Settings(
            bootstrap="127.0.0.1:1", kafka={"log_level": "0", "message.timeout.ms": "200"}
        )
        with pytest.raises(LogError, match="r was not delivered"):
            Log(nowhere).write("rollouts", "r", rollout_record(spec("r"), applied_by="ada"))

    def test_unknown_property(self):
        with pytest.raises(SettingsError, match="No such configuration property"):
            list(Log(Settings(kafka={"sockets": "1"})).read("leases"))
