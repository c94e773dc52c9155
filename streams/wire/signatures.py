"""Who made this record? Ed25519 signatures (RFC 8032) in record headers.

A signature covers the full name of the topic, the key and the framed value, so it proves nothing
of any other record. It is envelope: what a record says stays a pure function of the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNED = frozenset({"decisions", "leases"})
"""Topics that judges write and actuators act on; named without prefix."""
DOMAIN = b"davy record signature, version 1"
"""No other use of a key can give the same bytes to sign."""
SIGNATURE = "signature"
KEY_ID = "key_id"
ID_DIGITS = 16
LENGTH_BYTES = 8


class Doubt(StrEnum):
    """Why a record cannot be believed; codes that do not change."""

    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """The reason code, and a sentence that says what to do."""

    code: Doubt
    sentence: str


def key_id(key: Ed25519PublicKey) -> str:
    """Name of a public key: the first 16 hex digits of the SHA-256 of its 32 raw bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:ID_DIGITS]


def signed_bytes(topic: str, key: bytes, value: bytes) -> bytes:
    """What is signed: domain, full topic name, key and value, each after its length (8 bytes)."""
    parts = (DOMAIN, topic.encode(), key, value)
    return b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)


class Signer:
    """Signs records with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key()
        self.id = key_id(self.public)

    def headers(self, topic: str, key: bytes, value: bytes) -> tuple[tuple[str, bytes], ...]:
        """The headers `signature` and `key_id` of a record; the same record gives the same."""
        signature = self._key.sign(signed_bytes(topic, key, value))
        return ((SIGNATURE, signature), (KEY_ID, self.id.encode()))


class TrustedKeys:
    """Public keys whose signatures are believed. Several at once, so that keys can be changed."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys: Mapping[str, Ed25519PublicKey] = {key_id(key): key for key in keys}

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids, ascending."""
        return tuple(sorted(self._keys))

    def doubt(
        self,
        topic: str | None,
        key: bytes | str | None,
        value: bytes | str | None,
        headers: Iterable[tuple[str, Any]] | None,
    ) -> Doubted | None:
        """Why a consumed record is not to be believed; None where a trusted key signed just it.

        The arguments are what any client tells of a message; `topic` is the full name. A record
        that was signed once may be sent again: compare `seq` with what you acted on last.
        """
        told = [(name, raw) for name, raw in headers or () if name in {SIGNATURE, KEY_ID}]
        if not told:
            return Doubted(code=Doubt.UNSIGNED, sentence=_UNSIGNED)
        found = dict(told)
        signature, named = found.get(SIGNATURE), _text(found.get(KEY_ID))
        if len(told) != len(found) or not isinstance(signature, bytes) or not named:
            return Doubted(code=Doubt.BAD_SIGNATURE, sentence=_HEADERS)
        trusted = self._keys.get(named)
        if trusted is None:
            return Doubted(code=Doubt.UNKNOWN_KEY, sentence=self._unknown(named))
        try:
            trusted.verify(signature, signed_bytes(topic or "", _bytes(key), _bytes(value)))
        except InvalidSignature:
            return Doubted(code=Doubt.BAD_SIGNATURE, sentence=_FORGED.format(key=named))
        return None

    def _unknown(self, named: str) -> str:
        known = ", ".join(self.ids)
        return (
            f"signed with key {named[:ID_DIGITS]}, trusted are {known}; if that key is new, add "
            "its public file to signing.trusted, if it is not yours, find out who writes here"
        )


_UNSIGNED = (
    "no signature, and signing.trusted asks for one; set signing.key (DAVY_SIGNING__KEY) on every "
    "worker, and find out who writes here if all have it"
)
_HEADERS = (
    "not one header `signature` and one header `key_id`; no davy wrote it: find out who writes here"
)
_FORGED = (
    "the signature of key {key} is not of this record: topic, key, value or signature were changed "
    "after it was signed; find out who writes here"
)


def _text(raw: object) -> str:
    """A key id as text; nothing like one where the bytes are not."""
    if isinstance(raw, bytes):
        return raw.decode("ascii", errors="replace")
    return raw if isinstance(raw, str) else ""


def _bytes(raw: bytes | str | None) -> bytes:
    return raw.encode() if isinstance(raw, str) else raw or b""
