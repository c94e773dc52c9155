"""Under which schema id does a record go out? Asked in the background, never by a caller."""

from __future__ import annotations

import base64
import json
import ssl
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from streams.errors import RegistryError
from streams.publisher.options import Registry
from streams.wire.schemas import schema_text, subject_of
from streams.wire.store import LocalSchemaStore

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
NOT_FOUND = 404


def schema_id(registry: Registry | None, topic: str, prefix: str) -> int:
    """Id of exactly the schema that this publisher writes with, under the topic's subject.

    Raises:
        RegistryError: it is not registered, or the registry does not answer.
    """
    subject = subject_of(topic)
    text = schema_text(subject.schema)
    if registry is None:
        return LocalSchemaStore().id_of(subject.name(), text)
    return _look_up(registry, subject.name(prefix), text)


def _look_up(registry: Registry, subject: str, text: str) -> int:
    request = Request(  # noqa: S310 - the scheme was checked by Registry.parse
        f"{registry.url}/subjects/{quote(subject, safe='')}",
        data=json.dumps({"schema": text}).encode(),
        headers=_headers(registry),
        method="POST",
    )
    try:
        with urlopen(request, timeout=registry.timeout_s, context=_context(registry)) as answer:  # noqa: S310
            return int(json.load(answer)["id"])
    except HTTPError as failure:
        if failure.code == NOT_FOUND:
            hint = "run `davy schemas register`"
            raise RegistryError(f"{subject} is not registered at {registry.url}; {hint}") from None
        raise RegistryError(f"{registry.url} answered {failure.code} for {subject}") from failure
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise RegistryError(f"{registry.url} does not answer: {failure}") from failure


def _headers(registry: Registry) -> dict[str, str]:
    headers = {"Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE}
    if registry.basic_auth is not None:
        token = base64.b64encode(registry.basic_auth.encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers


def _context(registry: Registry) -> ssl.SSLContext | None:
    if not registry.url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=registry.ssl_ca)
    if registry.ssl_certificate is not None:
        context.load_cert_chain(registry.ssl_certificate, registry.ssl_key)
    return context
