"""How does the real Flagger run here? Built from its module, in one namespace, with Istio's routes.

It needs `infra.rigs.replicas.Replicas` beside it, for nobody else makes its replicas ready.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.rigs import golang
from infra.rigs.faults import FaultProxy
from infra.rigs.objects import Access
from infra.rigs.programs import FLAGGER
from streams.demo.processes import HOST, Part, Parts, free_port, serves

READY_S = 90.0
ONE = (
    b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}}'
)
"""Prometheus' answer to the one query with which Flagger looks whether it is there."""


@contextmanager
def running(parts: Parts, folder: Path, access: Access) -> Iterator[Part]:
    """Flagger for the namespace of `access`, once it is up.

    It looks for a metrics server as it starts; one that knows a single number is enough where
    canaries are judged by webhooks alone. It takes no step within ten seconds of the last one,
    whatever `spec.analysis.interval` says.

    Raises:
        Absent: there is no Go to build it with.
        PartError: it did not get ready; with the end of its log.
    """
    program = golang.build(FLAGGER)
    folder.mkdir(parents=True, exist_ok=True)
    with FaultProxy(f"http://{HOST}") as metrics:
        metrics.answer(200, body=ONE)
        port = free_port()
        options = {
            "kubeconfig": str(access.kubeconfig(folder / "flagger.kubeconfig")),
            "namespace": access.namespace,
            "mesh-provider": "istio",
            "metrics-server": metrics.url,
            "enable-leader-election": "false",
            "control-loop-interval": "1s",
            "port": str(port),
        }
        part = parts.start("flagger", [program, *(f"-{n}={v}" for n, v in options.items())])
        part.wait_until(
            lambda: serves(f"http://{HOST}:{port}/healthz"), what="it is up", deadline_s=READY_S
        )
        yield part
        part.stop()
