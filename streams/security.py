"""How do we speak to a broker that asks who we are?

People write librdkafka's property names once; librdkafka takes them as they are, aiokafka gets
them translated. What one of the two cannot do is refused for both, so that no half of davy is
left outside. Covers TLS (PEM files), SASL PLAIN and SCRAM.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from ssl import CERT_NONE, SSLContext, SSLError

from streams.errors import SettingsError
from streams.yaml_lines import did_you_mean

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
SASL_KEYS = frozenset({"sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"})
SSL_KEYS = frozenset(
    {*FILES, "ssl.ca.pem", "ssl.key.password", "ssl.endpoint.identification.algorithm"}
)
KNOWN = SASL_KEYS | SSL_KEYS | {"security.protocol", "enable.ssl.certificate.verification"}
CAPITAL = frozenset({"security.protocol", "sasl.mechanism", "sasl.mechanisms"})
FAMILIES = ("security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.")
OWNED = {
    "bootstrap.servers": "set `bootstrap`",
    "metadata.broker.list": "set `bootstrap`",
    "group.id": "set `group`",
    "partitioner": "leave it out: davy needs murmur2_random everywhere",
}


class PropertyError(SettingsError):
    """A property under `kafka` that cannot be used; `key` says which."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


def check(kafka: Mapping[str, str]) -> None:
    """Raise PropertyError unless librdkafka and aiokafka can both be secured this way."""
    for key in kafka:
        if key in OWNED:
            raise PropertyError(key, f"is not set here; {OWNED[key]}")
        if key.startswith(FAMILIES) and key not in KNOWN:
            raise PropertyError(key, f"unknown security property; {did_you_mean(key, KNOWN)}")
    protocol = _protocol(kafka)
    _check_sasl(kafka, needed=protocol.startswith("SASL"))
    if not protocol.endswith("SSL"):
        for key in sorted(SSL_KEYS & kafka.keys()):
            wanted = "SASL_SSL" if protocol.startswith("SASL") else "SSL"
            raise PropertyError(
                key, f"has no effect under {protocol}; set security.protocol: {wanted}"
            )
    for key in FILES:
        if key in kafka and not Path(kafka[key]).is_file():
            raise PropertyError(key, f"no such file: {kafka[key]}")
    if ("ssl.key.location" in kafka) != ("ssl.certificate.location" in kafka):
        raise PropertyError("ssl.key.location", "goes together with ssl.certificate.location")


def _protocol(kafka: Mapping[str, str]) -> str:
    protocol = kafka.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in PROTOCOLS:
        raise PropertyError("security.protocol", f"{protocol} is none of {', '.join(PROTOCOLS)}")
    return protocol


def _mechanism(kafka: Mapping[str, str]) -> str:
    return (kafka.get("sasl.mechanism") or kafka.get("sasl.mechanisms") or "").upper()


def _check_sasl(kafka: Mapping[str, str], *, needed: bool) -> None:
    if not needed:
        for key in sorted(SASL_KEYS & kafka.keys()):
            raise PropertyError(key, "has no effect; set security.protocol: SASL_SSL")
        return
    if _mechanism(kafka) not in MECHANISMS:
        raise PropertyError("sasl.mechanism", f"must be one of {', '.join(MECHANISMS)}")
    for key in ("sasl.username", "sasl.password"):
        if not kafka.get(key):
            raise PropertyError(key, f"is needed with {_mechanism(kafka)}")


def aiokafka_security(kafka: Mapping[str, str]) -> dict[str, str | SSLContext]:
    """The same security as keyword arguments of aiokafka's clients; empty for plaintext."""
    check(kafka)
    protocol = _protocol(kafka)
    found: dict[str, str | SSLContext] = {"security_protocol": protocol}
    if protocol.startswith("SASL"):
        found |= {
            "sasl_mechanism": _mechanism(kafka),
            "sasl_plain_username": kafka["sasl.username"],
            "sasl_plain_password": kafka["sasl.password"],
        }
    if protocol.endswith("SSL"):
        found["ssl_context"] = _ssl_context(kafka)
    return found


def _ssl_context(kafka: Mapping[str, str]) -> SSLContext:
    from aiokafka.helpers import create_ssl_context  # noqa: PLC0415 - slow to import

    try:
        context: SSLContext = create_ssl_context(
            cafile=kafka.get("ssl.ca.location"),
            cadata=kafka.get("ssl.ca.pem"),
            certfile=kafka.get("ssl.certificate.location"),
            keyfile=kafka.get("ssl.key.location"),
            # An empty password makes OpenSSL fail on an encrypted key; None would make it ask.
            password=kafka.get("ssl.key.password", ""),
        )
    except (SSLError, OSError) as failure:
        raise PropertyError("ssl.*", f"the PEM files cannot be loaded: {failure}") from failure
    if kafka.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
        context.check_hostname = False
    if kafka.get("enable.ssl.certificate.verification", "true").lower() == "false":
        context.check_hostname = False
        context.verify_mode = CERT_NONE
    return context
