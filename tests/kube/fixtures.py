"""Fixtures for tests on a real Kubernetes API server; any test may ask for them (marker `kube`).

`namespace` is the test's own, `kube` the administrator's client. `user_with` makes somebody with
the rights of RBAC manifests. `faults` is a proxy in front of the server that fails on request.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.rigs import apiserver as apiserver_rig
from infra.rigs import etcd as etcd_rig
from infra.rigs.apiserver import ApiServer
from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Access, Api, Object
from infra.rigs.shared import Started
from infra.rigs.users import user_with as make_user

Share = Callable[[str, Callable[[Path], Started]], str]
UserWith = Callable[..., Access]


@pytest.fixture(scope="session")
def etcd(share: Share) -> str:
    """Client URL of the etcd in which the API server keeps its objects."""
    return share("etcd", etcd_rig.start)


@pytest.fixture(scope="session")
def apiserver(share: Share, etcd: str) -> ApiServer:
    """A Kubernetes API server with RBAC and the kinds that davy touches; all tests share it."""
    return ApiServer.at(share("apiserver", lambda folder: apiserver_rig.start(folder, etcd)))


@pytest.fixture
def namespace(apiserver: ApiServer) -> str:
    """A namespace of the test's own: tests share the server."""
    name = f"t{uuid.uuid4().hex[:10]}"
    with Api(apiserver.access) as api:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def kube(apiserver: ApiServer, namespace: str) -> Iterator[Api]:
    """The administrator's client; objects without a namespace go into the test's own."""
    with Api(apiserver.administrator(namespace)) as api:
        yield api


@pytest.fixture
def user_with(kube: Api, namespace: str) -> UserWith:
    """`user_with(*manifests)`: access with exactly the rights that RBAC manifests give.

    Manifests are files, YAML texts or objects, with one ServiceAccount. What comes back has `url`,
    `authority` (file), `token`, `kubeconfig(path)`, and `through(faults.url)`.
    """

    def made(*manifests: Path | str | Object) -> Access:
        return make_user(kube, namespace, *manifests)

    return made


@pytest.fixture
def faults(apiserver: ApiServer) -> Iterator[FaultProxy]:
    """A proxy in front of the API server; `access.through(faults.url)` goes by it.

    `faults.answer(409, method="PATCH", path="/httproutes/", times=2)`, `hang`, `cut`,
    `lose_answer`, `delay`, `heal`; `faults.asked` tells what came.
    """
    access, folder = apiserver.access, apiserver.folder
    identity = (folder / "apiserver.crt", folder / "apiserver.key")
    with FaultProxy(access.url, authority=access.authority, identity=identity) as proxy:
        yield proxy
