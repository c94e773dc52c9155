"""What does a refusal of a Kubernetes API server mean for davy?

Source: Kubernetes API conventions, "HTTP Status codes". A JSON Patch whose `test` fails, or whose
path is gone, is answered by 422 without a cause: the object is not as it was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)

LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer that says no."""

    status: int
    message: str = ""
    causes: tuple[str, ...] = ()
    """What a validation found, each with its field."""
    retry_after_s: float = 0.0
    """How long the server asks to be left alone; 0: it does not say."""

    @classmethod
    def parse(cls, status: int, headers: Mapping[str, str], body: object) -> Self:
        """Read status, headers and the decoded body, which is a `Status` where all is well."""
        told = body if isinstance(body, dict) else {}
        details = told.get("details")
        details = details if isinstance(details, dict) else {}
        asked = headers.get("retry-after", details.get("retryAfterSeconds", 0))
        return cls(
            status=status,
            message=str(told.get("message", ""))[:LONGEST_WORDS],
            causes=tuple(_causes(details.get("causes"))),
            retry_after_s=_seconds(asked),
        )

    @property
    def is_failed_guard(self) -> bool:
        """Whether a patch did not fit the object, rather than the object the schema."""
        by_webhook = "admission webhook" in self.message
        return self.status == 422 and not self.causes and not by_webhook  # noqa: PLR2004


def _causes(found: object) -> list[str]:
    each = [cause for cause in found if isinstance(cause, dict)] if isinstance(found, list) else []
    return [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in each]


def _seconds(text: Any) -> float:
    """Whole seconds; a date is not what API servers send."""
    try:
        return max(0.0, float(int(text)))
    except (TypeError, ValueError):
        return 0.0


def refusal(where: str, answer: Answer) -> RouterError:
    """The error of an answer; `where` names the call and its object.

    >>> refusal("get Route a/b", Answer(status=404))
    TargetNotFound('get Route a/b: 404; is it there, and its kind installed?')
    """
    said = f"{where}: {answer.status} {answer.message}".rstrip()
    match answer.status:
        case 401 | 403:
            return TargetDenied(f"{said}; give davy's account the rights in infra/kubernetes/rbac")
        case 404 | 410:
            return TargetNotFound(f"{said}; is it there, and its kind installed?")
        case 409 | 412:
            return TargetConflict(said)
        case 422 if answer.is_failed_guard:
            return TargetConflict(f"{where}: the object is not as it was seen")
        case 400 | 405 | 406 | 413 | 415 | 422:
            causes = f" ({'; '.join(answer.causes)})" if answer.causes else ""
            return TargetRejected(f"{said}{causes}"[: 2 * LONGEST_WORDS])
        case _:
            return TargetTransient(said, retry_after_s=answer.retry_after_s)
