"""Prints decisions as they are made: where your chat message, ticket or pager would begin."""

from confluent_kafka import Consumer

from streams.judge.explain import explain
from streams.judge.record import decision_from_record
from streams.settings import load_settings
from streams.wire.codec import Codec
from streams.wire.keys import open_trusted
from streams.wire.store import open_store

settings = load_settings()
trusted = open_trusted(settings)  # None without `signing.trusted`: then everything is believed
codec = Codec(open_store(settings), settings.prefix)
# A group of its own reads each decision once, across restarts.
consumer = Consumer(
    settings.confluent(**{"group.id": "decision-printer", "auto.offset.reset": "earliest"})
)
consumer.subscribe([settings.topic("decisions")])
try:
    while True:
        for message in consumer.consume(timeout=0.5):
            if message.error() is not None:
                continue
            said = (message.topic(), message.key(), message.value(), message.headers())
            doubted = trusted.doubt(*said) if trusted else None
            if doubted:
                print(f"not a judge's word: {doubted.code}: {doubted.sentence}", flush=True)
            else:
                decision = decision_from_record(codec.decode("decisions", message.value()))
                print(f"{decision.action:8} {explain(decision)}", flush=True)
except KeyboardInterrupt:
    pass
finally:
    consumer.close()
