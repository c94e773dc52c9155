"""Does a password fit what is stored of it? Compared in constant time, stored best as a hash.

`scrypt:<salt>:<hash>`, both in hex, with the cost of RFC 7914's interactive logins.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

MARK = "scrypt:"
SALT_BYTES = 16
COST, BLOCK, LANES = 1 << 14, 8, 1


def hashed(password: str) -> str:
    """What to store in place of a password."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"{MARK}{salt.hex()}:{_scrypt(password.encode(), salt).hex()}"


def fits(password: bytes, stored: str) -> bool:
    """Whether it is the password that is stored, as a hash or as it is.

    Raises:
        ValueError: what is stored is a broken hash.
    """
    if not stored.startswith(MARK):
        return hmac.compare_digest(_digest(password), _digest(stored.encode()))
    salt, _, wanted = stored.removeprefix(MARK).partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), bytes.fromhex(wanted))


def check(stored: str) -> None:
    """Raise ValueError where a stored hash is broken, or where there is nothing."""
    salt, _, wanted = stored.removeprefix(MARK).partition(":")
    broken = stored.startswith(MARK) and not (bytes.fromhex(salt) and bytes.fromhex(wanted))
    if not stored or broken:
        raise ValueError("no password and no hash")


def _scrypt(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=COST, r=BLOCK, p=LANES)


def _digest(text: bytes) -> bytes:
    """Of one length, so that comparing tells nothing of the length."""
    return hashlib.sha256(text).digest()
