"""A user leaves the service as a keyed hash: the same everywhere, and never as the id itself."""

import hashlib
import os
import subprocess
import sys
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.publisher import Publisher
from streams.publisher.users import NO_KEY, PUBLIC_KEY, UserHash
from streams.settings import Settings
from tests.publisher.arrivals import Read

KEY = "a key of this deployment"
USER = "ada@example.org"
SERVICE = """
import sys
from streams.publisher import Publisher

with Publisher.from_env(close_s=20.0) as publisher:
    publisher.prediction(request_id=sys.argv[1], latency_ms=1.0, unit=sys.argv[2])
    publisher.outcome(request_id=sys.argv[1], unit=sys.argv[2], label="x")
"""


def publish(topics: Settings, service: str, **env: str) -> str:
    """Publish one request and its outcome in a process of their own; what it said."""
    told = {
        "DAVY_BOOTSTRAP": topics.bootstrap,
        "DAVY_PREFIX": topics.prefix,
        "DAVY_SERVICE": service,
        "DAVY_MODEL_VERSION": "v1",
    }
    command = [sys.executable, "-c", SERVICE, service, USER]
    done = subprocess.run(
        command, env=os.environ | told | env, capture_output=True, text=True, check=True
    )
    return done.stderr


class TestHash:
    @given(st.text(), st.binary(min_size=16, max_size=64))
    def test_is_keyed_blake2b(self, user: str, key: bytes) -> None:
        """What RFC 7693 says, for whoever publishes without this SDK."""
        text = key.hex()[:64]
        expected = hashlib.blake2b(
            user.encode("utf-8", "surrogatepass"), digest_size=16, key=text.encode()
        )
        assert UserHash(text)(user) == expected.hexdigest()

    def test_another_key_gives_another_hash(self) -> None:
        """Without a key the public one is used, which is one more."""
        keys = (None, KEY, KEY + "!", PUBLIC_KEY.decode()[:-1])
        assert len({UserHash(key)(USER) for key in keys}) == len(keys)

    def test_users_are_not_confused(self) -> None:
        """Texts that UTF-8 cannot say are users too, each one."""
        users = ["", " ", "u", "u ", "\ud800", "\ud801", "?"]
        assert len({UserHash(KEY)(user) for user in users}) == len(users)

    @pytest.mark.alone
    def test_costs_little(self) -> None:
        """At most 2 us a call: nothing beside the record that it goes into."""
        hashed = UserHash(KEY)
        best_s = min(timeit.repeat(lambda: hashed(USER), number=2000, repeat=50)) / 2000
        assert best_s < 2e-6


class TestTopics:
    def test_services_agree_on_a_user(self, topics: Settings, read: Read) -> None:
        """Two services and the job of labels give one hash; the id itself is nowhere."""
        publish(topics, "digits", DAVY_USER_KEY=KEY)
        publish(topics, "words", DAVY_USER_KEY=KEY)
        arrived = read("predictions", 2) + read("outcomes", 2)
        hashed = UserHash(KEY)(USER)
        assert [(a.key, a.record["unit"]) for a in arrived] == [(hashed, hashed)] * 4
        assert len({a.partition for a in arrived}) == 1
        assert USER not in str([(a.key, a.record) for a in arrived])

    def test_another_key_makes_strangers(self, topics: Settings, read: Read) -> None:
        """Two deployments cannot be put together."""
        publish(topics, "digits", DAVY_USER_KEY=KEY)
        publish(topics, "words", DAVY_USER_KEY=KEY[::-1])
        assert len({a.key for a in read("predictions", 2)}) == 2

    def test_without_a_key_it_is_told_once(self, topics: Settings, read: Read) -> None:
        """Hashed all the same, under a key that everybody knows, with a warning."""
        said = publish(topics, "digits")
        assert said.count(NO_KEY) == 1
        assert {a.key for a in read("outcomes", 1)} == {UserHash(None)(USER)}

    def test_who_names_no_user_needs_no_key(
        self, publisher: Publisher, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Request ids stay as they are, and nothing is said."""
        publisher.prediction(request_id="r-1", latency_ms=1.0)
        assert publisher.flush()
        assert NO_KEY not in caplog.text
