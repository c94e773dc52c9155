"""How does the real controller of Argo Rollouts run here? Built from its module, in one namespace.

It needs `infra.rigs.replicas.Replicas` beside it, for nobody else makes its replicas ready.
"""

from pathlib import Path

from infra.rigs import golang
from infra.rigs.objects import Access
from infra.rigs.programs import ROLLOUTS
from streams.demo.processes import HOST, Part, Parts, free_ports, serves

READY_S = 90.0


def start(parts: Parts, folder: Path, access: Access) -> Part:
    """Start the controller for the namespace of `access`, and wait until it is up.

    Raises:
        Absent: there is no Go to build it with.
        PartError: it did not get ready; with the end of its log.
    """
    program = golang.build(ROLLOUTS)
    folder.mkdir(parents=True, exist_ok=True)
    health, metrics = free_ports(2)
    options = {
        "kubeconfig": str(access.kubeconfig(folder / "rollouts.kubeconfig")),
        "namespace": access.namespace,
        "namespaced": "true",
        "leader-elect": "false",
        "healthzPort": str(health),
        "metricsPort": str(metrics),
    }
    part = parts.start("rollouts", [program, *(f"--{n}={v}" for n, v in options.items())])
    part.wait_until(
        lambda: (
            serves(f"http://{HOST}:{health}/healthz") and serves(f"http://{HOST}:{metrics}/metrics")
        ),
        what="it is up",
        deadline_s=READY_S,
    )
    return part
