"""One object of a Kubernetes API, read and patched; refusals come as RouterErrors.

lightkube finds the cluster and signs in. The HTTP itself is plain: what a refusal means hangs on
its status, its `Retry-After` and its causes. Writes carry the server's `timeout` too, so that one
that was given up here is not made there later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.actuator.routers.foreign import understood
from streams.actuator.routers.kube.access import ANSWER_S, Access, connect
from streams.actuator.routers.kube.answers import Answer, refusal
from streams.actuator.routers.kube.patches import Json, Patch
from streams.errors import TargetDenied, TargetTransient

MANAGER = "davy"
JSON_PATCH = "application/json-patch+json"
WORDS = {"GET": "get", "PATCH": "patch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object; group "" is the core's."""

    group: str
    version: str
    name: str
    plural: str

    @property
    def root(self) -> str:
        """Where its API begins."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one object is; namespace "" for kinds that have none."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.name} {place}"

    def path(self, subresource: str = "") -> str:
        """Its path under the API server."""
        within = ["namespaces", self.namespace] if self.namespace else []
        steps = [self.kind.root, *within, self.kind.plural, self.name, subresource]
        return "/".join(filter(None, steps))


class KubeClient:
    """One account at one cluster. The cluster is looked for at the first call."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._http: Any = None

    def get(self, address: Address) -> Json:
        """The object as it is.

        Raises:
            TargetNotFound: there is none, or its kind is not installed.
            TargetDenied: the account may not.
            TargetTransient: no usable answer; with the server's word on when to come again.
        """
        return self._ask("GET", address.path(), str(address))

    def select(self, kind: Kind, namespace: str, labels: str) -> list[Json]:
        """All objects of a kind with these labels. Errors as of `get`."""
        path = f"{kind.root}/namespaces/{namespace}/{kind.plural}"
        where = f"{kind.plural} {namespace}/{labels}"
        found = self._ask("GET", path, where, params={"labelSelector": labels})
        with understood(where, "list", error=TargetTransient, advice="is this Kubernetes?"):
            return [dict(item) for item in found["items"]]

    def patch(
        self, address: Address, operations: Patch, *, subresource: str = "", dry_run: bool = False
    ) -> Json:
        """Change the object by a JSON Patch, as a whole or not at all; returns it after that.

        Args:
            address: The object.
            operations: JSON Patch.
            subresource: `status`, where that is what is patched.
            dry_run: Ask for permission, validation and admission; nothing is stored.

        Raises:
            TargetConflict: a `test` failed, a path is gone, or another write came between.
            TargetRejected: the object would not be valid, or admission refuses it.
            TargetNotFound, TargetDenied, TargetTransient: as of `get`. After TargetTransient
                nobody knows whether it was done.
        """
        asked = {"fieldManager": MANAGER, "timeout": f"{ANSWER_S:g}s"}
        params = asked | ({"dryRun": "All"} if dry_run else {})
        where = f"{address}{'/' * bool(subresource)}{subresource}"
        return self._ask(
            "PATCH", address.path(subresource), where, params=params, content=[*operations]
        )

    def _ask(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        content: object = None,
    ) -> Json:
        """One call; RouterErrors for whatever comes of it."""
        where = f"{WORDS[method]} {what}"
        if self._http is None:
            self._http = connect(self._access)
        answer = _sent(self._http, method, path, where, params=params or {}, content=content)
        with understood(where, "answer", error=TargetTransient, advice="is this Kubernetes?"):
            body: Any = answer.json() if answer.is_success else _json_or_none(answer.text)
        if not answer.is_success:
            raise refusal(where, Answer.parse(answer.status_code, answer.headers, body))
        if not isinstance(body, dict):
            raise TargetTransient(f"{where}: no object came; is this Kubernetes?")
        return body


def _sent(
    http: Any, method: str, path: str, where: str, *, params: Mapping[str, str], content: object
) -> Any:
    """The answer to a call, whatever it says."""
    import httpx2  # noqa: PLC0415 - an extra
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415

    body = {} if content is None else {"content": json.dumps(content)}
    headers = {} if content is None else {"content-type": JSON_PATCH}
    try:
        return http.request(method, path, params=params, headers=headers, **body)
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
        raise TargetTransient(f"{where}: no answer ({error!r})") from error
    except (ConfigError, OSError) as error:  # a token's file, a program that makes tokens
        raise TargetDenied(f"{where}: cannot sign in ({error!r})") from error


def _json_or_none(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
