"""One contract for every schema store, and what is special about each."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from streams.access_settings import RegistrySettings
from streams.errors import RegistryAway, RegistryError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.reasons import BadRecord, Reason
from streams.wire.registry import RegistrySchemaStore
from streams.wire.schemas import SUBJECTS, schema_text
from streams.wire.store import LocalSchemaStore, SchemaStore, open_store

BACKWARD, FULL = "BACKWARD_TRANSITIVE", "FULL_TRANSITIVE"


@dataclass(frozen=True)
class Given:
    """A way to open one and the same store anew, that store, and a subject of the test's own."""

    reopen: Callable[[], SchemaStore]
    store: SchemaStore
    subject: str


@pytest.fixture(params=["local", pytest.param("registry", marks=pytest.mark.kafka)])
def given(request, tmp_path):
    subject = f"t{uuid.uuid4().hex}-value"
    if request.param == "local":
        path = tmp_path / "ids.json"
        LocalSchemaStore(path).register("other-value", '"string"', BACKWARD)
        reopen = partial(LocalSchemaStore, path)
    else:
        access = RegistrySettings(url=request.getfixturevalue("registry"))
        reopen = partial(RegistrySchemaStore, access)
    return Given(reopen, reopen(), subject)


def schema(*fields: dict) -> str:
    return json.dumps({"type": "record", "name": "T", "namespace": "davy", "fields": list(fields)})


NOT_FOUND = {"error_code": 40403, "message": "Schema not found"}
A = {"name": "a", "type": "long"}
B = {"name": "b", "type": ["null", "string"], "default": None}
REQUIRED = {"name": "c", "type": "string"}


class TestContract:
    def test_registering_twice_gives_one_id(self, given):
        """Deploying again changes nothing."""
        first = given.store.register(given.subject, schema(A), BACKWARD)
        assert given.store.register(given.subject, schema(A), BACKWARD) == first
        assert given.store.id_of(given.subject, schema(A)) == first

    def test_schema_comes_back(self, given):
        """What was registered is what readers get."""
        schema_id = given.store.register(given.subject, schema(A, B), BACKWARD)
        assert json.loads(given.store.schema(schema_id)) == json.loads(schema(A, B))

    def test_new_version_leaves_the_old_one(self, given):
        """Both ids hold; a writer of the old version keeps its own id."""
        old = given.store.register(given.subject, schema(A), FULL)
        new = given.store.register(given.subject, schema(A, B), FULL)
        assert old != new
        assert given.store.id_of(given.subject, schema(A, B)) == new
        assert given.store.id_of(given.subject, schema(A)) == old
        assert json.loads(given.store.schema(old)) == json.loads(schema(A))

    @pytest.mark.parametrize(
        ("level", "before", "after"),
        [
            (BACKWARD, schema(A), schema(A, REQUIRED)),
            (BACKWARD, schema(A), schema({"name": "a", "type": "string"})),
            (FULL, schema(A, REQUIRED), schema(A)),
        ],
    )
    def test_refuses_what_breaks_readers(self, given, level, before, after):
        """The level of the subject holds."""
        given.store.register(given.subject, before, level)
        with pytest.raises(RegistryError):
            given.store.register(given.subject, after, level)

    def test_backward_lets_fields_go(self, given):
        """Readers are upgraded first, so a required field may be dropped."""
        given.store.register(given.subject, schema(A, REQUIRED), BACKWARD)
        given.store.register(given.subject, schema(A), BACKWARD)

    def test_transitive_means_all_before(self, given):
        """A schema must get along with the first version, not only with the last."""
        given.store.register(given.subject, schema(A, B), BACKWARD)
        given.store.register(given.subject, schema(A), BACKWARD)
        with pytest.raises(RegistryError):
            given.store.register(given.subject, schema(A, {"name": "b", "type": "long"}), BACKWARD)

    def test_unknown_id_is_the_records_fault(self, given):
        """The store answered: nobody knows this id."""
        with pytest.raises(BadRecord) as failure:
            given.store.schema(2_000_000_000)
        assert failure.value.reason is Reason.UNKNOWN_SCHEMA

    def test_unregistered_subject_names_the_command(self, given):
        """The next step stands in the message."""
        with pytest.raises(RegistryError, match="davy schemas register"):
            given.store.id_of(given.subject, schema(A))

    def test_registers_every_schema_of_davy(self, given):
        """All topics, under any prefix; a second process finds the same ids."""
        prefix = given.subject.removesuffix("value")
        ids = Codec(given.store, prefix).register()
        assert ids.keys() == SUBJECTS.keys()
        again = given.reopen()
        for topic, schema_id in ids.items():
            text = schema_text(SUBJECTS[topic].schema)
            assert again.id_of(SUBJECTS[topic].name(prefix), text) == schema_id


class TestLocal:
    def test_shipped_ids_serve_every_prefix(self):
        """Without a registry the prefix does not matter."""
        store = open_store(Settings())
        assert isinstance(store, LocalSchemaStore)
        pane = schema_text("pane")
        assert store.id_of("team-panes-value", pane) == store.id_of("panes-value", pane)

    def test_documentation_is_no_new_version(self, tmp_path):
        """A better sentence keeps the id."""
        store = LocalSchemaStore(tmp_path / "ids.json")
        first = store.register("s-value", schema(A), BACKWARD)
        assert store.register("s-value", schema(A | {"doc": "An a."}), BACKWARD) == first

    def test_broken_file_is_told(self, tmp_path):
        """The message names the file."""
        path = tmp_path / "ids.json"
        path.write_text('{"schemas": [1]}', encoding="utf-8")
        with pytest.raises(RegistryError, match=r"ids\.json"):
            LocalSchemaStore(path)

    def test_file_that_cannot_be_written_is_told(self, tmp_path):
        """A folder that is not there stands for a wheel that is read-only."""
        store = LocalSchemaStore(tmp_path / "nowhere" / "ids.json")
        with pytest.raises(RegistryError, match=r"registry\.url"):
            store.register("s-value", schema(A), BACKWARD)


class Scripted:
    """An HTTP server that answers every request in one way and counts them."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = HTTPStatus.OK, b"", 0
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scripted.asked += 1
                self.send_response(scripted.status)
                self.send_header("Content-Length", str(len(scripted.body)))
                self.end_headers()
                self.wfile.write(scripted.body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, status: HTTPStatus, body: object) -> None:
        self.status, self.body = status, json.dumps(body).encode()


@pytest.fixture
def scripted():
    script = Scripted()
    thread = Thread(target=script.server.serve_forever, daemon=True)
    thread.start()
    yield script
    script.server.shutdown()
    script.server.server_close()
    thread.join()


class TestRegistry:
    """What a registry in trouble does, which the real one does not do on demand."""

    def store(self, scripted, now=lambda: 0.0) -> RegistrySchemaStore:
        return RegistrySchemaStore(RegistrySettings(url=scripted.url), clock=now)

    def test_found_schema_is_asked_once(self, scripted):
        """Ids are immutable."""
        scripted.answers(HTTPStatus.OK, {"schema": '"string"'})
        store = self.store(scripted)
        assert [store.schema(7) for _ in range(3)] == ['"string"'] * 3
        assert scripted.asked == 1

    def test_absent_id_does_not_hammer_but_heals(self, scripted):
        """Asked again only after a while; a schema registered late is then found."""
        now = [0.0]
        store = self.store(scripted, lambda: now[0])
        scripted.answers(HTTPStatus.NOT_FOUND, NOT_FOUND)
        for _ in range(100):
            with pytest.raises(BadRecord, match="unknown_schema"):
                store.schema(7)
        assert scripted.asked == 1
        scripted.answers(HTTPStatus.OK, {"schema": '"string"'})
        now[0] = 31.0
        assert store.schema(7) == '"string"'

    def test_a_replica_may_lag_behind(self, scripted):
        """An id that is not there yet is waited for; the record is good, and none is lost."""
        now = [0.0]
        store = RegistrySchemaStore(RegistrySettings(url=scripted.url), lambda: now[0], 2.5)
        scripted.answers(HTTPStatus.NOT_FOUND, NOT_FOUND)
        with pytest.raises(RegistryAway, match="a replica may lag") as away:
            store.schema(7)
        assert away.value.still()
        scripted.answers(HTTPStatus.OK, {"schema": '"string"'})
        assert not away.value.still()
        assert store.schema(7) == '"string"'
        assert store.failures == 0

    def test_made_up_ids_are_waited_for_once_a_minute(self, scripted):
        """All that come within one grace wait for its end, and no others."""
        now, dead = [0.0], []
        store = RegistrySchemaStore(RegistrySettings(url=scripted.url), lambda: now[0], 2.5)
        scripted.answers(HTTPStatus.NOT_FOUND, NOT_FOUND)
        for schema_id in range(120):
            now[0] = float(schema_id)
            try:
                store.schema(schema_id)
            except RegistryAway:
                continue
            except BadRecord:
                dead.append(schema_id)
        assert sorted(set(range(120)) - set(dead)) == [0, 1, 2, 60, 61, 62]

    def test_memory_of_absent_ids_is_bounded(self, scripted):
        """Garbage with random ids costs no more memory than a few thousand numbers."""
        store = self.store(scripted)
        for schema_id in range(10_000):
            store._remember_absent(schema_id)
        assert len(store._absent) == 4096

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (HTTPStatus.NOT_FOUND, {"message": "some other server"}),
            (HTTPStatus.SERVICE_UNAVAILABLE, {"error_code": 50003, "message": "starting"}),
            (HTTPStatus.UNAUTHORIZED, {"error_code": 40101, "message": "who?"}),
            (HTTPStatus.OK, "no object"),
        ],
    )
    def test_trouble_is_never_the_records_fault(self, scripted, status, body):
        """Anything but 'schema not found' is transient: a good record must not be lost to it."""
        scripted.answers(status, body)
        with pytest.raises(RegistryError):
            self.store(scripted).schema(7)

    def test_registry_that_is_down_is_transient(self, scripted):
        """The message says what to check; the id is asked again at once when it is back."""
        store = self.store(scripted)
        scripted.server.server_close()
        with pytest.raises(RegistryError, match=r"registry\.url"):
            store.schema(7)

    def test_other_formats_are_the_wrong_schema(self, scripted):
        """A JSON schema's id in front of a prediction is the producer's mistake."""
        scripted.answers(HTTPStatus.OK, {"schema": "{}", "schemaType": "JSON"})
        with pytest.raises(BadRecord) as failure:
            self.store(scripted).schema(7)
        assert failure.value.reason is Reason.WRONG_SCHEMA

    def test_settings_choose_it(self, scripted):
        """A URL in the settings is all it takes."""
        settings = Settings(registry=RegistrySettings(url=scripted.url))
        assert isinstance(open_store(settings), RegistrySchemaStore)
