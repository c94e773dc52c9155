"""How does a receiver know that a call is davy's? HMAC-SHA256 as in Standard Webhooks.

Signed are id, time and body, so neither can be changed; the time lets old calls be refused.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from streams.errors import SettingsError

SCHEME = "whsec_"
FEWEST_BYTES = 24


def key_of(setting: str, secret: str) -> bytes:
    """The key in a secret: `whsec_` and base64, at least 24 bytes.

    Raises:
        SettingsError: it is none; with a command that makes one.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SCHEME), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < FEWEST_BYTES:
        raise SettingsError(
            f"{setting}: is not `{SCHEME}` and base64 of at least {FEWEST_BYTES} bytes; make one: "
            f'echo "{SCHEME}$(openssl rand -base64 32)"'
        )
    return key


def signed_headers(key: bytes, notice_key: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of a signed call: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

    >>> signed_headers(b"k" * 24, "d1-promoted", 1700000000, b"{}")["webhook-signature"][:9]
    'v1,lJJ6S+'
    """
    signed = f"{notice_key}.{at_s}.".encode() + body
    code = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": notice_key,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{code}",
    }
