"""How does a test lay objects into a Kubernetes API server, and read them, without davy's client?

Objects are what YAML says they are: dicts. Each call finds its address by asking the server which
resource a kind is.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from streams.errors import PartError

Object = dict[str, Any]
ANSWER_S = 90.0
"""For a machine with much else to do."""
OWNER = "davy-rig"
"""The field manager of what `apply` lays in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where an API server is, and as whom one comes to it."""

    url: str
    authority: Path
    """The certificate that signed the server's."""
    token: str
    namespace: str = "default"

    def through(self, url: str) -> Access:
        """The same user, by another door: a proxy in front of the server."""
        return replace(self, url=url)

    def kubeconfig(self, path: Path) -> Path:
        """Write the file that clients read, at `path`."""
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        context = {"cluster": "rig", "user": "rig", "namespace": self.namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "rig", "cluster": cluster}],
            "users": [{"name": "rig", "user": {"token": self.token}}],
            "contexts": [{"name": "rig", "context": context}],
            "current-context": "rig",
        }
        path.write_text(yaml.safe_dump(config))
        return path


class RefusedError(PartError):
    """The server's answer was no: `code` and `reason` as it gave them."""

    def __init__(self, answer: httpx.Response) -> None:
        status = _status(answer)
        self.code = answer.status_code
        self.reason = str(status.get("reason", ""))
        asked = f"{answer.request.method} {answer.request.url.path}"
        super().__init__(f"{asked}: {self.code} {status.get('message', answer.text[:500])}")


class Api:
    """An API server as one user sees it. Use as a context manager, or `close` it."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._client = httpx.Client(
            base_url=access.url,
            verify=ssl.create_default_context(cafile=access.authority),
            headers={"Authorization": f"Bearer {access.token}"},
            timeout=ANSWER_S,
        )
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}

    def apply(self, *objects: Object, namespace: str = "") -> list[Object]:
        """Create or change objects as `kubectl apply --server-side` does; what is there now.

        Args:
            objects: With apiVersion, kind and metadata.name.
            namespace: In which those without one go; the access's own if empty.
        """
        kind = {"Content-Type": "application/apply-patch+yaml"}
        asked = {"fieldManager": OWNER, "force": "true"}
        return [
            self.call(
                "PATCH", self.path(one, namespace), params=asked, headers=kind, text=json.dumps(one)
            )
            for one in objects
        ]

    def read(self, one: Object, namespace: str = "") -> Object:
        """The object of the same kind and name as it is now; RefusedError (404) without one."""
        return self.call("GET", self.path(one, namespace))

    def every(self, api_version: str, kind: str, namespace: str = "") -> list[Object]:
        """All objects of a kind, in one namespace; the list's items have no kind of their own."""
        named = {"apiVersion": api_version, "kind": kind}
        found = self.call("GET", self.path(named, namespace))["items"]
        return [named | item for item in found]

    def merge(self, one: Object, change: Mapping[str, Any], namespace: str = "") -> Object:
        """Change fields of an object (JSON merge patch)."""
        return self._merge(self.path(one, namespace), change)

    def patch(self, one: Object, steps: Sequence[Mapping[str, Any]], namespace: str = "") -> Object:
        """Change an object step by step (JSON Patch), all or nothing."""
        kind = {"Content-Type": "application/json-patch+json"}
        return self.call("PATCH", self.path(one, namespace), headers=kind, text=json.dumps(steps))

    def set_status(self, one: Object, status: Mapping[str, Any], namespace: str = "") -> Object:
        """Change fields of an object's status, which a controller would write."""
        return self._merge(f"{self.path(one, namespace)}/status", {"status": status})

    def delete(self, one: Object, namespace: str = "") -> None:
        """Take an object away; RefusedError (404) where there is none."""
        self.call("DELETE", self.path(one, namespace))

    def path(self, one: Object, namespace: str = "") -> str:
        """The path of an object, or of all of its kind where it has no name."""
        version = one["apiVersion"]
        plural, namespaced = self._resource(version, one["kind"])
        meta = one.get("metadata", {})
        where = meta.get("namespace") or namespace or self.access.namespace
        parts = ["apis" if "/" in version else "api", version]
        parts += ["namespaces", where] if namespaced else []
        parts += [plural, *([meta["name"]] if "name" in meta else [])]
        return "/" + "/".join(parts)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        text: str | None = None,
    ) -> Object:
        """One request; RefusedError where the answer is no success."""
        answer = self._client.request(method, path, params=params, headers=headers, content=text)
        if not answer.is_success:
            raise RefusedError(answer)
        return dict(answer.json())

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with success now."""
        try:
            return self._client.get(path).is_success
        except httpx.HTTPError:
            return False

    def post(self, path: str, body: Mapping[str, Any]) -> Object:
        """Create something: an object, a review, a token."""
        kind = {"Content-Type": "application/json"}
        return self.call("POST", path, headers=kind, text=json.dumps(body))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _merge(self, path: str, change: Mapping[str, Any]) -> Object:
        kind = {"Content-Type": "application/merge-patch+json"}
        return self.call("PATCH", path, headers=kind, text=json.dumps(change))

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        """A kind's plural name, and whether its objects lie in namespaces."""
        if kind not in self._resources.get(version, {}):
            home = f"/apis/{version}" if "/" in version else f"/api/{version}"
            self._resources[version] = {
                found["kind"]: (found["name"], found["namespaced"])
                for found in self.call("GET", home)["resources"]
                if "/" not in found["name"]
            }
        try:
            return self._resources[version][kind]
        except KeyError:
            raise PartError(f"{self.access.url} serves no {kind} of {version}") from None


def load(*given: Path | str | Object) -> list[Object]:
    """Objects out of files, YAML texts and objects, in this order."""
    return [one for source in given for one in _loaded(source) if one]


def _loaded(source: Path | str | Object) -> Sequence[Object] | Iterator[Object]:
    if isinstance(source, dict):
        return [source]
    return yaml.safe_load_all(source.read_text() if isinstance(source, Path) else source)


def _status(answer: httpx.Response) -> Object:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
