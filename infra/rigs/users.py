"""How does a test become somebody who may do exactly what given RBAC manifests allow?

The manifests are applied as they are, in the test's namespace; the service account that they name
gets a token from the API server, as a pod of it would.
"""

from __future__ import annotations

import copy
from pathlib import Path

from infra.rigs.objects import Access, Api, Object, load
from streams.demo.processes import wait_until
from streams.errors import PartError

EFFECT_S = 30.0
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}


def user_with(api: Api, namespace: str, *manifests: Path | str | Object) -> Access:
    """Apply manifests, and come in as the service account that they name.

    Args:
        api: The administrator's.
        namespace: Where all of it goes, whatever the manifests say; cluster-wide roles and their
            bindings get it behind their names, so that tests keep out of each other's way.
        manifests: Files, YAML texts or objects with one ServiceAccount, roles and bindings.

    Returns:
        Its access, once the server heeds the rights. `access.kubeconfig(path)` writes a file for
        clients, `access.through(url)` is the same user at a proxy's address.

    Raises:
        PartError: there is no service account in them, or more than one.
        RefusedError: the server does not take one of the objects.
    """
    objects = [_moved(one, namespace) for one in load(*manifests)]
    accounts = [one for one in objects if one["kind"] == "ServiceAccount"]
    if len(accounts) != 1:
        raise PartError(f"the manifests of a user name one ServiceAccount, not {len(accounts)}")
    api.apply(*objects, namespace=namespace)
    access = Access(
        url=api.access.url,
        authority=api.access.authority,
        token=_token(api, api.path(accounts[0], namespace)),
        namespace=namespace,
    )
    with Api(access) as own:
        wanted = [rule for one in objects for rule in one.get("rules") or []]
        wait_until(
            lambda: _heeded(own, namespace, wanted),
            what=f"the rights of {accounts[0]['metadata']['name']} (are all roles bound?)",
            deadline_s=EFFECT_S,
        )
    return access


def _token(api: Api, account: str) -> str:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token: str = api.post(f"{account}/token", request)["status"]["token"]
    return token


def _moved(given: Object, namespace: str) -> Object:
    one = copy.deepcopy(given)
    if one["kind"] in CLUSTER_WIDE:
        one["metadata"]["name"] += f"-{namespace}"
    else:
        one["metadata"]["namespace"] = namespace
    if one.get("roleRef", {}).get("kind") == "ClusterRole":
        one["roleRef"]["name"] += f"-{namespace}"
    for subject in one.get("subjects", []):
        subject["namespace"] = namespace
    return one


def _heeded(own: Api, namespace: str, wanted: list[Object]) -> bool:
    """Whether the server counts all of these rules among the rights of this user."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    rights = own.post(path, review)["status"]["resourceRules"]
    return all(_said(rule) in map(_said, rights) for rule in wanted if "resources" in rule)


def _said(rule: Object) -> list[list[str]]:
    names = ("apiGroups", "resources", "resourceNames", "verbs")
    return [sorted(rule.get(name) or []) for name in names]
