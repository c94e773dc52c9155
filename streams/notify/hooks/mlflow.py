"""Keep MLflow's model registry in step: the alias goes to what was promoted and has its traffic.

Versions are tagged with the decision; a version that carries the decision's tag has had its alias
already, so a notice that comes twice, or late, takes the alias from nobody.
https://mlflow.org/docs/latest/ml/model-registry
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import HookAway, HookRefused, SettingsError
from streams.extras import lacking
from streams.notify.facts import ENDINGS, Notice
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
        self._client = _client(setting, uri)

    def tell(self, notice: Notice) -> None:
        """See Hook. Decided: the reason; come true: alias where promoted, and the other tags."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - an extra

        model = self._options.models.get(notice.subject.service, notice.subject.service)
        try:
            self._registered(model, notice)
        except MlflowException as error:
            told = f"mlflow: {error.error_code} of model {model}"  # its text may quote the address
            if error.error_code in REFUSALS:
                raise HookRefused(f"{told}; is it registered, and may davy write there?") from error
            raise HookAway(told) from error

    def close(self) -> None:
        """See Hook."""

    def _registered(self, model: str, notice: Notice) -> None:
        ends = notice.outcome or notice.transition
        if ends not in ENDINGS:
            return
        promoted = ends is Transition.PROMOTED
        for name in [notice.winner] if promoted else notice.subject.candidates.values():
            version = self._version_of(model, name)
            if promoted and notice.outcome is not None:
                self._promote(model, version, notice)
            else:
                self._tag(model, version, notice)

    def _promote(self, model: str, version: str, notice: Notice) -> None:
        known = self._client.get_model_version(model, version)
        if known.tags.get(TAG) == notice.decision_id:
            return
        self._client.set_registered_model_alias(model, self._options.alias, version)
        self._tag(model, version, notice)

    def _tag(self, model: str, version: str, notice: Notice) -> None:
        for key, value in _tags(notice).items():
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


def _tags(notice: Notice) -> dict[str, str]:
    """What a notice tells a version; the decision's id last: it says that all before is done."""
    tags = {}
    if notice.transition in ENDINGS:
        tags[REASON] = f"{notice.code}: {notice.sentence}"[:LONGEST_TAG]
    if notice.outcome is not None:
        tags |= {OUTCOME: str(notice.outcome), ROLLOUT: notice.subject.rollout}
        tags |= {TAG: notice.decision_id} if notice.decision_id else {}  # aborted before any
    return tags


def _client(setting: str, uri: str) -> MlflowClient:
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra, and slow to import
    except ModuleNotFoundError as missing:
        raise SettingsError(lacking(str(missing.name), "mlflow")) from missing
    try:
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except Exception as error:  # its text may quote the address, and a password in it
        kind = type(error).__name__
        raise SettingsError(f"{setting}: no registry can be opened there ({kind})") from error
