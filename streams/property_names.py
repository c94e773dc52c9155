"""Which of librdkafka's properties does an environment variable mean? Names there hold no dots."""

from __future__ import annotations

UNDERSCORED = frozenset({"log_level", "enabled_events"})
"""Properties that are not written with dots."""


def dotted(key: str) -> str:
    """The property, however it was spelt.

    >>> dotted("SASL_USERNAME"), dotted("LOG_LEVEL"), dotted("ssl.ca.location")
    ('sasl.username', 'log_level', 'ssl.ca.location')
    """
    found = key.lower()
    return found if found in UNDERSCORED else found.replace("_", ".")
