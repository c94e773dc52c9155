"""Ids come from a real registry, for exactly the schema that the publisher writes with."""

import pytest

from streams.access_settings import RegistrySettings
from streams.errors import RegistryError
from streams.publisher import Registry
from streams.publisher.ids import schema_id
from streams.wire.registry import RegistrySchemaStore
from streams.wire.schemas import schema_text, subject_of


class TestSchemaId:
    def test_a_registered_schema_is_found(self, registry: str, prefix: str) -> None:
        """The id is the one that registering gave, also after a newer version came."""
        store = RegistrySchemaStore(RegistrySettings(url=registry))
        subject = subject_of("predictions")
        text = schema_text("prediction")
        given = store.register(subject.name(prefix), text, subject.compatibility)
        newer = text.replace('"fields":[', '"fields":[{"name":"a","type":"int","default":0},', 1)
        assert store.register(subject.name(prefix), newer, subject.compatibility) != given
        assert schema_id(Registry.parse(registry), "predictions", prefix) == given

    def test_an_unregistered_schema(self, registry: str, prefix: str) -> None:
        """The advice is to register."""
        with pytest.raises(RegistryError, match="davy schemas register"):
            schema_id(Registry.parse(registry), "outcomes", prefix)

    def test_nobody_there(self) -> None:
        """The address is in the message."""
        with pytest.raises(RegistryError, match=r"http://127\.0\.0\.1:1 does not answer"):
            schema_id(Registry.parse("http://127.0.0.1:1"), "outcomes", "")
