"""Who says that replicas are ready where there are no nodes? A thread that plays the kubelet.

What a ReplicaSet or a Deployment asks for stands in its status a moment later, as if its pods ran.
"""

from __future__ import annotations

import threading
from typing import Self

from infra.rigs.objects import Access, Api, Object, RefusedError

VERSION = "apps/v1"
KINDS = ("ReplicaSet", "Deployment")
LOOK_S = 0.1


class Replicas:
    """Makes all replicas of one namespace ready. Use as a context manager, or `stop` it."""

    def __init__(self, access: Access) -> None:
        """Begin, in the namespace of `access`, which may write statuses."""
        self._api = Api(access)
        self._ended = threading.Event()
        self._held: set[str] = set()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def hold(self, name: str) -> None:
        """The replicas of what has this name get ready no more: their pods do not start."""
        self._held.add(name)

    def stop(self) -> None:
        """End it; statuses stay as they are."""
        self._ended.set()
        self._thread.join()
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _play(self) -> None:
        while not self._ended.wait(LOOK_S):
            for one in (one for kind in KINDS for one in self._api.every(VERSION, kind)):
                self._make_ready(one)

    def _make_ready(self, one: Object) -> None:
        status = _status(one)
        old = one.get("status", {})
        # The server adds times to conditions, so numbers tell whether there is something to do.
        numbers = {name: value for name, value in status.items() if isinstance(value, int)}
        same = all(old.get(name, 0) == value for name, value in numbers.items())
        if one["metadata"]["name"] in self._held or same:
            return
        try:
            self._api.set_status(one, status)
        except RefusedError as refused:
            if refused.code not in {404, 409}:  # gone or changed meanwhile: look again
                raise


def _status(one: Object) -> Object:
    wanted = one["spec"].get("replicas", 1)
    common = {
        "replicas": wanted,
        "readyReplicas": wanted,
        "availableReplicas": wanted,
        "observedGeneration": one["metadata"]["generation"],
    }
    if one["kind"] == "ReplicaSet":
        return {**common, "fullyLabeledReplicas": wanted}
    done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    return {**common, "updatedReplicas": wanted, "conditions": [done]}
