import json

import pytest

from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.wire import evolved
from tests.wire.outcomes import FastavroOnly


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """davy's schemas and three foreign ones, the ids of which are 12, 13 and 14."""
    store = LocalSchemaStore(tmp_path_factory.mktemp("ids") / "ids.json")
    assert max(Codec(store).register().values()) == 11
    for number, schema in enumerate((evolved.newer(), evolved.older(), evolved.exotic()), 12):
        found = store.register(f"elsewhere-{number}", json.dumps(schema), "BACKWARD_TRANSITIVE")
        assert found == number
    return store


@pytest.fixture(scope="module")
def codec(store):
    return Codec(store)


@pytest.fixture(params=["pyruhvro", "fastavro"])
def either(request, store, codec):
    """A codec of each path."""
    return codec if request.param == "pyruhvro" else FastavroOnly(store)
