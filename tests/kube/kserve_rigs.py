"""KServe's kinds on a real API server, in three modes; what KServe's controllers do is played.

davy comes in with the rights of its manifests alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.rigs.objects import Access, Api, Object
from streams.actuator.contract import ARMS, Rig
from streams.actuator.ports import Router, Segments
from streams.actuator.routers import open_router
from streams.spec.model import Target
from tests.actuator.kube import kserve_played as played

Play = Callable[[list[Object]], list[Object]]
"""Objects to the statuses that a controller gives them, in the same order."""
ROUND_S = 0.02
CHAT = {"baseline": "chat-v1", "candidate": "chat-v2"}
SETTLES_S = 15.0


@contextmanager
def controller(
    api: Api, objects: list[Object], play: Callable[[list[Object]], list[Object]]
) -> Iterator[None]:
    """Write the objects' statuses again and again, as a controller that watches them does."""
    done = threading.Event()
    failed: list[Exception] = []

    def work() -> None:
        try:
            with Api(api.access) as own:
                while not done.is_set():
                    reconcile(own, objects, play)
                    done.wait(ROUND_S)
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            failed.append(error)

    reconcile(api, objects, play)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not failed, failed


def reconcile(
    api: Api, objects: list[Object], play: Callable[[list[Object]], list[Object]]
) -> None:
    """One round: whatever is not as the specs say is written."""
    found = [api.read(one) for one in objects]
    for one, status in zip(found, play(found), strict=True):
        if one.get("status") != status:
            api.set_status(one, status)


def each(play: Callable[[Object], Object]) -> Play:
    """A controller that looks at one object at a time."""
    return lambda found: [play(one) for one in found]


def members(found: list[Object]) -> list[Object]:
    """The controller of LLMInferenceServices of one group."""
    status = played.group_status({one["metadata"]["name"]: one for one in found})
    return [status for _ in found]


@contextmanager
def serverless(api: Api, access: Access, folder: Path) -> Iterator[Rig]:
    """An InferenceService on Knative with a second revision that has nothing yet."""
    first = played.service("digits", "Knative", predictor=played.predictor("a"))
    api.apply(first)
    reconcile(api, [first], each(played.serverless_status))
    second = played.predictor("b", canaryTrafficPercent=0)
    (one,) = api.apply(played.service("digits", "Knative", predictor=second))

    def interfere(weights: Segments) -> None:
        percent = weights["all"]["candidate"] // 100
        api.merge(one, {"spec": {"predictor": {"canaryTrafficPercent": percent}}})

    with controller(api, [one], each(played.serverless_status)):
        yield rig({"mode": "serverless", "name": "digits"}, access, folder, interfere)


@contextmanager
def standard(api: Api, access: Access, folder: Path) -> Iterator[Rig]:
    """An InferenceService in mode Standard with a canary that has nothing yet."""
    stable = played.predictor("a", name="v1")

    def canary(percent: int) -> list[Object]:
        return [played.canary("other", 0, "x"), played.canary("v2", percent, "b")]

    (one,) = api.apply(played.service("digits", "Standard", predictor=stable, canary=canary(0)))

    def interfere(weights: Segments) -> None:
        api.merge(one, {"spec": {"canary": canary(weights["all"]["candidate"] // 100)}})

    options = {"mode": "standard", "name": "digits", "canaries": {"candidate": "v2"}}
    with controller(api, [one], each(played.standard_status)):
        yield rig(options, access, folder, interfere)


@contextmanager
def llm(api: Api, access: Access, folder: Path) -> Iterator[Rig]:
    """Two LLMInferenceServices of one group, of which one has nothing yet."""
    weights = {"chat-v1": 1, "chat-v2": 0}
    both = api.apply(*(played.member(name, weight) for name, weight in weights.items()))

    def interfere(given: Segments) -> None:
        for one in both:
            arm = next(arm for arm, name in CHAT.items() if name == one["metadata"]["name"])
            change = {"router": {"route": {"weight": given["all"][arm]}}}
            api.merge(one, {"spec": change})

    with controller(api, both, members):
        yield rig({"mode": "llm", "members": CHAT}, access, folder, interfere)


def rig(
    options: Mapping[str, Any], access: Access, folder: Path, interfere: Callable[[Segments], None]
) -> Rig:
    """The rig of a target; davy comes in by a kubeconfig."""
    config = str(access.kubeconfig(folder / "kubeconfig"))
    known = dict(options) | {"namespace": access.namespace, "kubeconfig": config}

    def open_one() -> Router:
        return open_router(Target(router="kserve", options=known), ARMS)

    return Rig(open=open_one, interfere=interfere, settles_s=SETTLES_S)


MODES = {"kserve_serverless": serverless, "kserve_standard": standard, "kserve_llm": llm}
