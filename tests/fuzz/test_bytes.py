"""Whatever comes over a wire: a record is read, or refused; a target is seen, or not."""

import json
import threading
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.actuator.acceptance import take_decision
from streams.actuator.audience import EVERYBODY
from streams.actuator.facts import DecisionFact
from streams.actuator.reader import RecordReader
from streams.actuator.routers.envoy import open_envoy
from streams.actuator.routers.envoy_admin import EnvoyAdmin
from streams.actuator.routers.envoy_entries import Layout
from streams.actuator.routers.haproxy_socket import RuntimeSocket
from streams.actuator.standing import Standing
from streams.actuator.weights import complaint
from streams.errors import LogError, RouterError
from streams.replay.check import check
from streams.replay.files import Format, read_trail, write_trail
from streams.spec.model import FULL_BP
from streams.wire.codec import Codec
from streams.wire.reasons import BadRecord
from streams.wire.schemas import SUBJECTS
from streams.wire.store import LocalSchemaStore
from tests.fuzz.damage import damaged_json, damaged_texts
from tests.replay.trails import trail
from tests.wire.samples import RECORDS
from tests.wire.writers import mutations

pytestmark = pytest.mark.property

CODEC = Codec(LocalSchemaStore())
VALUES = {topic: [CODEC.encode(topic, r) for r in records] for topic, records in RECORDS.items()}
ARMS = ("baseline", "candidate")
OF_ACTUATOR = ("routing", "rollouts", "commands", "leases", "decisions")
ROUTES = json.loads(Path("infra/compose/routes.json").read_text())
CLUSTERS = {"baseline": "v1", "candidate": "v2"}
DUMP = {"configs": [{"version_info": "x", "route_config": ROUTES["resources"][0]}]}
STATS = {"stats": [{"name": "http.a.rds.digits.update_rejected", "value": 3}]}
ADMIN = EnvoyAdmin("http://admin")
LAYOUT = Layout(route="digits", clusters=CLUSTERS, audience=EVERYBODY)
SERVERS = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
3 digits 1 v1 127.0.0.1 2 0 256 256
3 digits 2 v2 127.0.0.1 2 0 0 0
"""


class Message:
    """A consumed record as confluent-kafka hands it out."""

    def __init__(self, value: bytes | None) -> None:
        self._value = value

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 1

    def key(self) -> bytes:
        return b"r"

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def timestamp(self) -> tuple[int, int]:
        return (1, 1)


class TestTopics:
    @pytest.mark.parametrize("topic", SUBJECTS)
    @settings(max_examples=40)
    @given(data=st.data())
    def test_what_is_accepted_says_one_thing(self, topic, data):
        """A damaged value that is still read reads the same when it was written again."""
        for value in data.draw(mutations(VALUES[topic])):
            try:
                record = CODEC.decode(topic, value)
            except BadRecord:
                continue
            assert repr(CODEC.decode(topic, CODEC.encode(topic, record))) == repr(record)

    @pytest.mark.parametrize("topic", OF_ACTUATOR)
    @settings(max_examples=40)
    @given(data=st.data())
    def test_actuator(self, topic, data):
        """It reads on, and no decision of nonsense is accepted."""
        reader, never = RecordReader(CODEC), threading.Event()
        for value in data.draw(mutations(VALUES[topic])):
            fact = reader.read(topic, Message(value), never)
            if isinstance(fact, DecisionFact):
                now = Standing(arms=ARMS, spec_hash=fact.spec_hash)
                now, _ = take_decision(now, fact)
                assert now.wanted is None or not complaint(now.wanted, ARMS)


def of_weights(found):
    """Every share that a router tells."""
    return [share for shares in found.values() for share in shares.values()]


class Answering:
    """Answers as an HTTP client would, whatever it was told to."""

    def __init__(self, answers):
        self._answers = answers

    def get(self, path, *, params):
        asked = httpx.Request("GET", f"http://admin{path}", params=params)
        return httpx.Response(200, content=json.dumps(self._answers[path]), request=asked)


class TestTargets:
    def check(self, look):
        """Weights that can be, or a RouterError."""
        try:
            shares = of_weights(look())
        except RouterError:
            return
        assert all(isinstance(share, int) and 0 <= share <= FULL_BP for share in shares)

    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        text=damaged_json([ROUTES]).map(json.dumps) | damaged_texts([json.dumps(ROUTES, indent=1)])
    )
    def test_routes_of_envoy(self, tmp_path, text):
        path = tmp_path / "routes.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        options = {"rds": str(path), "route": "digits", "clusters": CLUSTERS}
        self.check(lambda: open_envoy(options, ARMS, EVERYBODY).observe().weights_bp)

    @settings(max_examples=80)
    @given(dump=damaged_json([DUMP]), stats=damaged_json([STATS]))
    def test_answers_of_envoy(self, dump, stats):
        answers = {"/config_dump": dump, "/stats": stats}
        ADMIN._http = Answering(answers)
        self.check(lambda: ADMIN.served("digits", LAYOUT).weights)
        self.check(lambda: {"": {"": min(FULL_BP, max(0, ADMIN.refusals("digits")))}})

    @settings(max_examples=100)
    @given(reply=damaged_texts([SERVERS]))
    def test_answers_of_haproxy(self, reply):
        line = RuntimeSocket(Path("/nowhere"))
        line._say = lambda _: reply
        try:
            servers = line.servers("digits")
        except RouterError:
            return
        assert all(isinstance(server.weight, int) for server in servers)


FOUND = trail("errors", 20)


@st.composite
def damage(draw, rows):
    """A file, a line of it, and what stands there now."""
    name = draw(st.sampled_from(sorted(name for name in rows if rows[name])))
    at = draw(st.integers(0, len(rows[name]) - 1))
    return name, at, draw(damaged_json([rows[name][at]]))


class TestExports:
    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_damaged_files(self, tmp_path, data):
        """Judged again, or refused with the file's name; never a traceback."""
        write_trail(FOUND, tmp_path, Format.JSONL)
        texts = {path.name: path.read_text().splitlines() for path in tmp_path.glob("*.jsonl")}
        rows = {name: [json.loads(line) for line in lines] for name, lines in texts.items()}
        name, at, row = data.draw(damage(rows))
        lines = [*texts[name][:at], json.dumps(row), *texts[name][at + 1 :]]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        try:
            check(read_trail(FOUND.spec.rollout, tmp_path))
        except LogError as refusal:
            problem = str(refusal)
            assert problem
