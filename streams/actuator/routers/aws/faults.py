"""Which RouterError is what botocore raised? By the code of the answer, then by its status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore import exceptions as raised

from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)

DENIED = (
    "AccessDenied",
    "AuthFailure",
    "ExpiredToken",
    "Forbidden",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "Unauthorized",
    "UnrecognizedClient",
)
TRANSIENT = (
    "Internal",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "Throttl",
    "TooManyRequests",
)
POLICIES = "what davy needs is told in infra/aws"


def told(error: Exception, where: str) -> RouterError:
    """The RouterError for an exception of botocore's."""
    said = f"{where}: {error}"
    match error:
        case raised.ClientError():
            return _refusal(error, where)
        case raised.NoCredentialsError() | raised.PartialCredentialsError():
            return TargetDenied(f"{said}; give davy a role or keys, {POLICIES}")
        case raised.NoRegionError():
            return TargetRejected(f"{said} Write `region: eu-west-1`, or set AWS_DEFAULT_REGION")
        case raised.ParamValidationError() | raised.UnknownServiceError():
            return TargetRejected(said)
        case _:  # not reached, no answer in time, none that can be read
            return TargetTransient(said)


def _refusal(error: Any, where: str) -> RouterError:
    """The service answered, and said no."""
    answer: Mapping[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    message = str(answer.get("Error", {}).get("Message", ""))
    said = f"{where}: {code}: {message}"
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code.startswith(DENIED):
        return TargetDenied(f"{said}; {POLICIES}")
    if code.startswith(TRANSIENT) or "in-progress" in message:  # SageMaker: "Cannot update ..."
        return TargetTransient(said)
    if "NotFound" in code or message.startswith("Could not find"):  # SageMaker has no code for it
        return TargetNotFound(f"{said}; check target.options")
    if code.startswith("Conflict"):
        return TargetConflict(said)
    return _by_status(status)(said)


def _by_status(status: int) -> type[RouterError]:
    """What a code that nobody knows comes to."""
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TargetTransient
    known: dict[int, type[RouterError]] = {
        HTTPStatus.UNAUTHORIZED: TargetDenied,
        HTTPStatus.FORBIDDEN: TargetDenied,
        HTTPStatus.NOT_FOUND: TargetNotFound,
        HTTPStatus.CONFLICT: TargetConflict,
    }
    return known.get(status, TargetRejected)
