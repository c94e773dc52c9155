"""Keep MLflow's model registry in step: the alias goes to what was promoted.

Versions are tagged with the decision; a version that carries the decision's tag has had its alias
already, so a notice that comes twice, or late, takes the alias from nobody.
https://mlflow.org/docs/latest/ml/model-registry
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import HookAway, HookRefused, SettingsError
from streams.notify.facts import Notice
from streams.notify.secrets import secret_of
from streams.notify_settings import ENVIRONMENT, MlflowHook, Transition

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG = "davy.decision_id"
OUTCOME = "davy.outcome"
ROLLOUT = "davy.rollout"
REASON = "davy.reason"
LONGEST_TAG = 500
REFUSALS = frozenset(
    {
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "ENDPOINT_NOT_FOUND",
    }
)
"""MLflow's words for what does not come right by waiting."""


class Mlflow:
    """A hook of kind `mlflow`."""

    def __init__(self, name: str, options: MlflowHook) -> None:
        """Raise SettingsError where MLflow is not installed or its address cannot be had."""
        self._options = options
        setting = f"notify.hooks.{name}.tracking_uri"
        named = options.tracking_uri.startswith(ENVIRONMENT)
        uri = secret_of(setting, options.tracking_uri) if named else options.tracking_uri
        self._client = _client(uri)

    def tell(self, notice: Notice) -> None:
        """See Hook. Promoted: alias, then tags; rolled back: tags alone."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - an extra

        try:
            self._registered(notice)
        except MlflowException as error:
            told = f"mlflow: {error.error_code}: {error.message}"
            if error.error_code in REFUSALS:
                raise HookRefused(told) from error
            raise HookAway(told) from error

    def close(self) -> None:
        """See Hook."""

    def _registered(self, notice: Notice) -> None:
        model = self._options.models.get(notice.subject.service, notice.subject.service)
        match notice.transition:
            case Transition.PROMOTED:
                version = self._version_of(model, notice.winner)
                self._promote(model, version, notice)
            case Transition.ROLLED_BACK:
                for spec_version in notice.subject.candidates.values():
                    self._tag(model, self._version_of(model, spec_version), notice)
            case _:
                return

    def _promote(self, model: str, version: str, notice: Notice) -> None:
        known = self._client.get_model_version(model, version)
        if known.tags.get(TAG) == notice.decision_id:
            return
        self._client.set_registered_model_alias(model, self._options.alias, version)
        self._tag(model, version, notice)

    def _tag(self, model: str, version: str, notice: Notice) -> None:
        """The decision's id last: where it stands, everything before it was done."""
        tags = {
            OUTCOME: str(notice.transition),
            ROLLOUT: notice.subject.rollout,
            REASON: f"{notice.code}: {notice.sentence}"[:LONGEST_TAG],
            TAG: notice.decision_id,
        }
        for key, value in tags.items():
            self._client.set_model_version_tag(model, version, key, value)

    def _version_of(self, model: str, spec_version: str) -> str:
        """The registry's number of a version that a spec names.

        Raises:
            HookRefused: none or several are called so.
        """
        tag = self._options.version_tag
        if tag is None:
            if spec_version.isdecimal():
                return spec_version
            raise HookRefused(
                f"mlflow: `{spec_version}` is no number of a version of {model}; set version_tag "
                "to the tag of registered versions that holds what services publish"
            )
        found = self._client.search_model_versions(f"name = '{model}'")
        numbers = [each.version for each in found if each.tags.get(tag) == spec_version]
        if len(numbers) != 1:
            many = f"{len(numbers)} versions" if numbers else "no version"
            raise HookRefused(f"mlflow: {many} of {model} have the tag {tag}={spec_version}")
        return str(numbers[0])


def _client(uri: str) -> MlflowClient:
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra, and slow to import
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"{missing.name} is not installed; run: pip install 'davy[mlflow]'"
        ) from missing
    return MlflowClient(tracking_uri=uri, registry_uri=uri)
