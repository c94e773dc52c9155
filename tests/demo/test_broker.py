"""Both brokers take and give records; the embedded one has no transactions, Apache Kafka does."""

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic


def make_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(timeout=20)


def read_one(bootstrap: str, topic: str) -> bytes:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "auto.offset.reset": "earliest",
            # The embedded broker lets a first member wait for half a session.
            "session.timeout.ms": 2000,
            "heartbeat.interval.ms": 500,
        }
    )
    consumer.subscribe([topic])
    try:
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


class TestBroker:
    def test_round_trip(self, broker, prefix: str) -> None:
        """A record that is produced is consumed by a group."""
        topic = f"{prefix}numbers"
        make_topic(broker.bootstrap, topic)
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce(topic, b"one")
        assert producer.flush(20) == 0
        assert read_one(broker.bootstrap, topic) == b"one"

    def test_only_transactions_hide_aborted_records(self, broker, prefix: str) -> None:
        """The embedded broker accepts transactions but shows what was aborted in them."""
        topic = f"{prefix}numbers"
        make_topic(broker.bootstrap, topic)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "transactional.id": prefix, "log_level": 0}
        )
        producer.init_transactions(30)
        for value, end in (
            (b"aborted", producer.abort_transaction),
            (b"committed", producer.commit_transaction),
        ):
            producer.begin_transaction()
            producer.produce(topic, value, partition=0)
            assert producer.flush(20) == 0
            end(30)
        expected = b"committed" if broker.transactional else b"aborted"
        assert read_one(broker.bootstrap, topic) == expected
