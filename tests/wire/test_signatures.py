"""A signature is of one record alone: nothing of it can be changed, moved or left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.signatures import Doubt, Signer, TrustedKeys, signed_bytes

OURS = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
TRUSTED = TrustedKeys([OURS.public])
GOLDEN_ID = "56475aa75463474c"
GOLDEN = (
    "6c900d9477c7985bcf3c48313004a971ec8e7e6f77ab879bfc905925959a20ed"
    "9a8191a0d20cfcfb2b0526be598cef0b9802cf09d65c7516a34403de121e2b09"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A record as a consumer gets it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    def doubt(self, trusted: TrustedKeys = TRUSTED) -> Doubt | None:
        found = trusted.doubt(self.topic, self.key, self.value, self.headers)
        return None if found is None else found.code


def signed(
    topic: str = "davy-decisions",
    key: bytes = b"digits-v2",
    value: bytes = b"\x00\x00\x00\x00\x09body",
    signer: Signer = OURS,
) -> Signed:
    return Signed(topic=topic, key=key, value=value, headers=signer.headers(topic, key, value))


class TestGolden:
    def test_bytes(self) -> None:
        """The wire format: what other programs must be able to check for years."""
        assert signed_bytes("t", b"k", b"v") == (
            b"\0\0\0\0\0\0\0\x20davy record signature, version 1"
            b"\0\0\0\0\0\0\0\x01t\0\0\0\0\0\0\0\x01k\0\0\0\0\0\0\0\x01v"
        )

    def test_headers(self) -> None:
        """Id and signature of a fixed key; the same record always gets the same."""
        first, again = signed(), signed()
        assert first == again
        assert first.headers == (
            ("signature", bytes.fromhex(GOLDEN)),
            ("key_id", GOLDEN_ID.encode()),
        )


class TestDoubt:
    def test_just_as_signed(self) -> None:
        assert signed().doubt() is None

    @pytest.mark.parametrize("kept", [(), ("issued_at",)])
    def test_unsigned(self, kept: tuple[str, ...]) -> None:
        """Other headers are nobody's word."""
        record = replace(signed(), headers=tuple((name, b"7") for name in kept))
        assert record.doubt() is Doubt.UNSIGNED

    def test_unknown_key(self) -> None:
        assert signed(signer=STRANGER).doubt() is Doubt.UNKNOWN_KEY

    def test_anothers_key_id(self) -> None:
        """A stranger's signature under our name."""
        theirs, ours = dict(signed(signer=STRANGER).headers), dict(signed().headers)
        record = replace(
            signed(), headers=tuple((ours | theirs | {"key_id": ours["key_id"]}).items())
        )
        assert record.doubt() is Doubt.BAD_SIGNATURE

    @pytest.mark.parametrize("name", ["signature", "key_id"])
    def test_half_of_the_headers(self, name: str) -> None:
        record = replace(signed(), headers=tuple(h for h in signed().headers if h[0] == name))
        assert record.doubt() is Doubt.BAD_SIGNATURE

    def test_twice(self) -> None:
        """Which of two signatures another reader would take nobody knows."""
        record = replace(signed(), headers=signed(signer=STRANGER).headers + signed().headers)
        assert record.doubt() is Doubt.BAD_SIGNATURE

    @pytest.mark.parametrize("raw", [None, "text", b"", b"\xff" * 16])
    def test_odd_values(self, raw: object) -> None:
        """What clients may hand over as a header's value."""
        good = dict(signed().headers)
        for name in good:
            odd = tuple((good | {name: raw}).items())
            found = TRUSTED.doubt("davy-decisions", b"digits-v2", signed().value, odd)
            assert found is not None

    def test_moved_from_another_record(self) -> None:
        """Key, value or topic of another record under a true signature."""
        for other in (
            signed(topic="davy-leases"),
            signed(topic="test-decisions"),
            signed(key=b"digits-v3"),
            signed(value=b"\x00\x00\x00\x00\x09else"),
        ):
            assert replace(other, headers=signed().headers).doubt() is Doubt.BAD_SIGNATURE

    def test_no_bytes_move_between_fields(self) -> None:
        """Each part is signed with its length."""
        record = replace(signed(key=b"ab", value=b"c"), key=b"a", value=b"bc")
        assert record.doubt() is Doubt.BAD_SIGNATURE

    def test_text_is_as_good_as_bytes(self) -> None:
        """Clients may hand keys over as text."""
        record = signed()
        assert TRUSTED.doubt(record.topic, "digits-v2", record.value, list(record.headers)) is None


class TestRotation:
    def test_both_are_trusted_while_it_lasts(self) -> None:
        """Old and new records pass while both keys are trusted; then the old ones do not."""
        both = TrustedKeys([OURS.public, STRANGER.public])
        old, new = signed(), signed(signer=STRANGER)
        assert [r.doubt(both) for r in (old, new)] == [None, None]
        after = TrustedKeys([STRANGER.public])
        assert [r.doubt(after) for r in (old, new)] == [Doubt.UNKNOWN_KEY, None]


@pytest.mark.property
class TestLaw:
    @given(
        topic=st.text(min_size=1, max_size=20).filter(str.isascii),
        key=st.binary(min_size=1, max_size=20),
        value=st.binary(min_size=1, max_size=60),
        place=st.integers(0, 10_000),
        change=st.integers(1, 255),
        part=st.sampled_from(["topic", "key", "value", "signature", "key_id"]),
    )
    def test_any_changed_byte_is_refused(
        self, topic: str, key: bytes, value: bytes, place: int, change: int, part: str
    ) -> None:
        def changed(raw: bytes) -> bytes:
            at = place % len(raw)
            return raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :]

        record = signed(topic, key, value)
        assert record.doubt() is None
        match part:
            case "topic":
                record = replace(record, topic=changed(topic.encode()).decode("latin-1"))
            case "key":
                record = replace(record, key=changed(key))
            case "value":
                record = replace(record, value=changed(value))
            case _:
                headers = dict(record.headers)
                headers[part] = changed(headers[part])
                record = replace(record, headers=tuple(headers.items()))
        assert record.doubt() is not None
