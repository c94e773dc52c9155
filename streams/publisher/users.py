"""Under which name does a user leave the service? As a keyed hash, the same in every service.

Keyed BLAKE2b (RFC 7693) of 16 bytes, in hex. Whoever reads the log cannot try out user ids without
the deployment's key; whoever has the key can, so only publishers get it.
"""

from __future__ import annotations

import hashlib

from streams.errors import SettingsError
from streams.publisher.drafts import Draft

SIZE_BYTES = 16
KEY_BYTES = range(16, hashlib.blake2b.MAX_KEY_SIZE + 1)
PUBLIC_KEY = b"davy: this deployment has no key"
"""Where no key is set: hides ids from a glance, not from somebody who tries them out."""
NO_KEY = (
    "davy: user ids are hashed without a key of your own, so whoever reads the topics can try out "
    "ids; set DAVY_USER_KEY to one secret for all services (`openssl rand -hex 32`)"
)


class UserHash:
    """Hashes user ids under one key; safe to share between threads."""

    __slots__ = ("_keyed",)

    def __init__(self, key: str | None) -> None:
        """The key's UTF-8 text; None hashes with a key that everybody knows.

        Raises:
            SettingsError: the key is too short to be one, or longer than BLAKE2b takes.
        """
        told = PUBLIC_KEY if key is None else key.encode()
        if len(told) not in KEY_BYTES:
            raise SettingsError(
                f"user_key: must be {KEY_BYTES[0]} to {KEY_BYTES[-1]} bytes, got {len(told)}; "
                "make one with `openssl rand -hex 32`"
            )
        self._keyed = hashlib.blake2b(digest_size=SIZE_BYTES, key=told)

    def __call__(self, user: str) -> str:
        """32 hex digits.

        >>> UserHash("0123456789abcdef")("u-17")
        '2e76b875ee29821d7848361f2765f806'
        """
        digest = self._keyed.copy()
        digest.update(user.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def hashed(draft: Draft, user_hash: UserHash) -> Draft:
    """The draft, with the hash of its user in the user's place."""
    user = draft.record["unit"]
    if user is not None:
        draft.record["unit"] = user_hash(user)
    return draft
