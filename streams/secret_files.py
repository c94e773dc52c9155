"""Where does a secret come from? From the setting itself, or from a file that it names.

`file:/run/secrets/kafka` instead of a secret means what stands in that file, without the white
space around it. Messages name the setting and the file, never what is in them.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from streams.errors import SettingsError

Property = TypeVar("Property", str, str | int | float | bool)

LOG = logging.getLogger("davy.secrets")
SCHEME = "file:"
LONGEST_BYTES = 1 << 16
PROPERTIES = frozenset(
    {
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
        "sasl.oauthbearer.client.secret",
    }
)
"""librdkafka's properties that hold a secret."""


class SecretError(SettingsError):
    """A secret that cannot be had: `key` says which, `problem` why."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.key = setting
        self.problem = problem


def secret(setting: str, value: str) -> str:
    """The secret itself; `value` is it already, or `file:` and a path.

    Raises:
        SecretError: there is no such file, it cannot be read, or nothing is in it.
    """
    if not value.startswith(SCHEME):
        return value
    path = Path(value.removeprefix(SCHEME))
    try:
        with path.open("rb") as file:
            found = file.read(LONGEST_BYTES).decode().strip()
    except OSError as failure:
        raise SecretError(setting, f"{path} cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(setting, f"{path} is not UTF-8; write the secret as text") from None
    if not found:
        raise SecretError(setting, f"{path} is empty; write the secret into it")
    if found.startswith(SCHEME):
        raise SecretError(setting, f"{path} names a file again; write the secret into it")
    warn_of_readers(setting, path)
    return found


def secret_properties(kafka: Mapping[str, Property]) -> dict[str, Property]:
    """The Kafka client's properties, secrets in place; warns of a private key for everybody.

    Raises:
        SecretError: as `secret`.
    """
    found = {
        key: secret(key, value) if key in PROPERTIES and isinstance(value, str) else value
        for key, value in kafka.items()
    }
    key_file = Path(str(found.get("ssl.key.location", "")))
    if key_file.is_file():
        warn_of_readers("ssl.key.location", key_file)
    return found


def warn_of_readers(setting: str, path: Path) -> None:
    """One line where every user of this machine can read the file."""
    if path.stat().st_mode & stat.S_IROTH:
        LOG.warning(
            "%s: everybody on this machine can read %s; run `chmod o= %s`", setting, path, path
        )


def without_credentials(url: str) -> str:
    """A URL as it may be shown: what stands before an `@` is left out."""
    scheme, mark, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def without_query(url: str) -> str:
    """A URL as it may be shown where its query may hold a token.

    >>> without_query("https://traffic.example/davy?token=t#here")
    'https://traffic.example/davy'
    """
    return url.partition("?")[0].partition("#")[0]
