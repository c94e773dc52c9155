"""The headers that are told are those that are written."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.agents.cells import stamp_headers
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, topic_plans
from streams.tracing.context import TRACEPARENT
from streams.wire.deadletter import DETAIL_CHARS, dead_letter
from streams.wire.envelope import HEADERS, ISSUED_AT, SIGNED_ONLY, headers_of
from streams.wire.reasons import Reason
from streams.wire.signatures import SIGNED, Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A record that nobody can use."""

    offset: int = 7
    key: bytes | None = b"k"
    value: bytes | None = b"poison"


def told(topic: str) -> list[str]:
    return [header.name for header in headers_of(topic)]


class TestHeaders:
    def test_they_are_of_topics_that_exist(self):
        """Named without prefix."""
        assert HEADERS.keys() <= {plan.name for plan in topic_plans(Settings())}

    def test_dead_letters(self):
        """All of them, in the order in which they stand; the detail is as short as is told."""
        found = dead_letter(DEAD_LETTERS, ("predictions", 0), Poison(), Reason.BAD_MAGIC, "x" * 999)
        assert [name for name, _ in found.headers] == told(DEAD_LETTERS)
        assert len(dict(found.headers)["detail"]) == DETAIL_CHARS
        assert str(DETAIL_CHARS) in headers_of(DEAD_LETTERS)[-1].what

    def test_cells(self):
        """Epoch and flush."""
        assert [name for name, _ in stamp_headers((3, 7))] == told("cells")

    def test_signatures(self):
        """On the topics that are signed, where a key is set."""
        signer = Signer(Ed25519PrivateKey.generate())
        for topic in SIGNED:
            signed = [name for name, _ in signer.headers(topic, b"r", b"v")]
            assert [h.name for h in headers_of(topic) if h.only == SIGNED_ONLY] == signed
        told_signed = {
            t for t, known in HEADERS.items() if any(h.only == SIGNED_ONLY for h in known)
        }
        assert told_signed == SIGNED

    def test_decisions_say_when_they_were_issued(self):
        """Beside the body, which has no clock; signed or not."""
        assert [h.name for h in headers_of("decisions") if not h.only] == [ISSUED_AT]

    def test_a_trace_stands_where_it_goes_on(self):
        """From events to decisions, and only where traces are wanted."""
        traced = {t for t, known in HEADERS.items() if any(h.name == TRACEPARENT for h in known)}
        assert traced == {"predictions", "outcomes", "panes", "decisions"}
        assert all(h.only for known in HEADERS.values() for h in known if h.name == TRACEPARENT)

    def test_other_topics_have_none(self):
        """Nothing stands beside what the value says."""
        assert told("routing") == []
