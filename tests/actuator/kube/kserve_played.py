"""What KServe's controllers would do, played: objects to the statuses that they write.

After the code of kserve/kserve: the traffic of a Knative service follows `canaryTrafficPercent` and
the revision that was rolled out last; entries of `canary` are told back; members of a group tell
whom their routes lead to. Pods are ready at once, except those of models named in `unready`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Json = dict[str, Any]
API = "serving.kserve.io/v1beta1"
LLM_API = "serving.kserve.io/v1alpha2"


def service(name: str, mode: str, **spec: Any) -> Json:
    """An InferenceService as somebody applies it."""
    notes = {"serving.kserve.io/deploymentMode": mode}
    meta = {"name": name, "annotations": notes}
    return {"apiVersion": API, "kind": "InferenceService", "metadata": meta, "spec": spec}


def predictor(model: str, **more: Any) -> Json:
    """A predictor that serves a model."""
    return {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": f"gs://m/{model}"}, **more}


def canary(name: str, percent: int, model: str) -> Json:
    """An entry of `spec.canary`."""
    return {"trafficPercent": percent, "predictor": predictor(model, name=name)}


def member(name: str, weight: int, group: str = "chat") -> Json:
    """An LLMInferenceService as somebody applies it."""
    route = {"http": {}, "group": group, "weight": weight}
    spec = {"model": {"uri": f"hf://m/{name}", "name": "chat"}, "router": {"route": route}}
    meta = {"name": name}
    return {"apiVersion": LLM_API, "kind": "LLMInferenceService", "metadata": meta, "spec": spec}


def serverless_status(found: Json, unready: Collection[str] = ()) -> Json:
    """The status after a reconcile on Knative; a changed predictor is a new revision.

    The models of revisions are kept in `status.url`, which nothing else uses here.
    """
    status = found.get("status") or {}
    told = dict((status.get("components") or {}).get("predictor") or {})
    asked = found["spec"]["predictor"]
    percent, model = asked.get("canaryTrafficPercent"), asked["model"]["storageUri"]
    models = [*filter(None, status.get("url", "").split(" "))]
    if not models or models[-1] != model:
        models.append(model)
    names = [f"{found['metadata']['name']}-predictor-{n:05}" for n in range(1, len(models) + 1)]
    ready = [name for name, of in zip(names, models, strict=True) if of not in unready]
    told |= {"latestCreatedRevision": names[-1], "latestReadyRevision": ready[-1]}
    rolled = told.get("latestRolledoutRevision", "")
    told["traffic"] = _traffic(percent, ready[-1], rolled)
    components = {"predictor": told | _rolled(told, rolled)}
    return {"components": components, "url": " ".join(models), "deploymentMode": "Knative"}


def _traffic(percent: int | None, latest: str, rolled: str) -> list[Json]:
    first = {"latestRevision": True, "revisionName": latest}
    if percent is None or not rolled:
        return [first | {"percent": 100}]
    rest = {"latestRevision": False, "revisionName": rolled, "tag": "prev"}
    both = [first | {"percent": percent}, rest | {"percent": 100 - percent}]
    return both if percent < 100 else both[:1]


def _rolled(told: Json, rolled: str) -> Json:
    """Which revision counts as rolled out after this traffic."""
    latest, percent = told["latestReadyRevision"], told["traffic"][0]["percent"]
    if latest != rolled:
        full = {"previousRolledoutRevision": rolled, "latestRolledoutRevision": latest}
        return full if percent == 100 else {}
    before = told.get("previousRolledoutRevision")
    newest = latest == told["latestCreatedRevision"]
    return {"latestRolledoutRevision": before} if before and newest and percent < 100 else {}


def standard_status(found: Json, unready: Collection[str] = ()) -> Json:
    """The status after a reconcile in mode Standard."""
    entries = found["spec"].get("canary") or []
    told = [
        {
            "name": entry["predictor"]["name"],
            "ready": entry["predictor"]["model"]["storageUri"] not in unready,
            "trafficPercent": entry["trafficPercent"],
        }
        for entry in entries
    ]
    return {"deploymentMode": "Standard", "canaryStatuses": told}


def group_status(members: Mapping[str, Json], unready: Collection[str] = ()) -> Json:
    """The status of every member of a group after a reconcile of all."""
    told = [
        {"name": name, "weight": one["spec"]["router"]["route"]["weight"]}
        for name, one in sorted(members.items())
        if name not in unready
    ]
    group = next(iter(members.values()))["spec"]["router"]["route"]["group"]
    return {"router": {"group": {"name": group, "members": told}}}
