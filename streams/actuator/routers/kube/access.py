"""How does davy come to a cluster? In a pod by its service account, elsewhere by a kubeconfig."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from streams.actuator.routers import options as read
from streams.errors import TargetDenied, TargetNotFound
from streams.extras import lacking

if TYPE_CHECKING:
    import httpx2

OPTIONS = ("kubeconfig", "context")
CONNECT_S = 2.0
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which cluster, and as whom."""

    kubeconfig: str | None = None
    """None: the pod's service account, else `KUBECONFIG`, else `~/.kube/config`."""
    context: str | None = None
    """None: the current one."""


def read_access(options: Mapping[str, Any], router: str) -> Access:
    """What the options `kubeconfig` and `context` say; no file is read."""
    path, context = (
        read.optional_text(options, name, router=router, example=example)
        for name, example in (("kubeconfig", "/etc/davy/kubeconfig"), ("context", "production"))
    )
    return Access(kubeconfig=path, context=context)


def trouble_with(kubeconfig: Path) -> str:
    """What is wrong with a file that is here; empty where nothing is.

    One that cannot be opened may be there, and readable, where the actuator runs.
    """
    try:
        told = yaml.safe_load(kubeconfig.read_bytes())
    except OSError:
        return ""
    except (yaml.YAMLError, UnicodeDecodeError):
        return "is no YAML"
    if told is None:
        return "is empty"
    known = isinstance(told, dict) and told.get("clusters") and told.get("contexts")
    return "" if known else "names no clusters and contexts"


def connect(access: Access) -> httpx2.Client:
    """A connection with timeouts; nothing is asked yet.

    Raises:
        TargetNotFound: the extra is not installed.
        TargetDenied: no account, or one that cannot be used.
    """
    try:
        import httpx2  # noqa: PLC0415 - an extra
        import lightkube  # noqa: F401, PLC0415
    except ImportError as error:
        raise TargetNotFound(lacking("lightkube, for Kubernetes,", "k8s")) from error
    try:
        # No kept connections: a router is never closed, and one that was cut would cost a try.
        return httpx2.Client(**_facts(access), limits=httpx2.Limits(max_keepalive_connections=0))
    except Exception as error:  # whatever a broken kubeconfig brings about
        where = access.kubeconfig or "service account, KUBECONFIG or ~/.kube/config"
        raise TargetDenied(
            f"no way into a cluster by {where} ({error!r}); run davy in a pod with a service "
            "account, or set target.options.kubeconfig"
        ) from error


def _facts(access: Access) -> dict[str, Any]:
    """What lightkube knows of the cluster and the account, for an HTTP client."""
    import httpx2  # noqa: PLC0415 - an extra
    from lightkube.config.client_adapter import ConnectionParams  # noqa: PLC0415
    from lightkube.config.kubeconfig import KubeConfig  # noqa: PLC0415
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415

    path = access.kubeconfig
    if path and (trouble := trouble_with(Path(path))):
        raise ConfigError(f"it {trouble}")
    found = KubeConfig.from_file(Path(path)) if path else KubeConfig.from_env()
    chosen = found.get(access.context)
    if chosen is None:
        raise ConfigError("no context is chosen")
    params = ConnectionParams(timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S))
    facts: dict[str, Any] = params.httpx_params(chosen)
    return facts
