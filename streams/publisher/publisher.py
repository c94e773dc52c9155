"""How does an inference service tell davy what it answered? Without ever waiting for it.

publisher = Publisher(bootstrap="kafka:9092", service="digits", model_version="v2")
publisher.prediction(request_id=..., latency_ms=12.5, predicted_class="7", score=0.98)
publisher.close()
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

from streams.publisher.buffer import Buffer, Waiting
from streams.publisher.drafts import Draft, Refused, outcome_draft, prediction_draft, traced
from streams.publisher.facts import Counters, Drop, Status, Tally
from streams.publisher.forks import GATE
from streams.publisher.options import Options, Registry
from streams.publisher.request import Answer, Request
from streams.publisher.users import UserHash, hashed
from streams.publisher.usual import usual
from streams.publisher.worker import Worker
from streams.tracing.context import current_trace

POLL_S = 0.005
_OK = Status.OK


class Publisher:
    """Publishes predictions and outcomes; safe to share between threads, tasks and forks.

    The constructor alone raises (SettingsError, for settings that cannot work). Afterwards
    nothing raises and nothing waits: what cannot be published is counted in `counters()` and
    logged. It connects in the background at the first record, so that a server may fork first.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        service: str,
        model_version: str,
        registry: str | Registry | None = None,
        **more: Any,
    ) -> None:
        found = Registry.parse(registry) if isinstance(registry, str) else registry
        self.options = Options(
            bootstrap=bootstrap,
            service=service,
            model_version=model_version,
            registry=found,
            **more,
        )
        self._hash = UserHash(self.options.user_key)
        self._trace = current_trace() if self.options.traces else None
        self._closed = False
        self._worker: Worker | None = None
        self._renew()
        _LIVE.add(self)

    @classmethod
    def from_env(cls, **given: Any) -> Self:
        """From `DAVY_BOOTSTRAP`, `DAVY_SERVICE`, `DAVY_MODEL_VERSION`, `DAVY_PREFIX`,
        `DAVY_USER_KEY`, `DAVY_TRACES`, `DAVY_REGISTRY__URL` and `DAVY_KAFKA__*`; arguments win.
        """  # noqa: D205
        options = Options.from_env(**given)
        return cls(**{name: getattr(options, name) for name in Options.__dataclass_fields__})

    def prediction(
        self,
        *,
        request_id: object,
        latency_ms: float,
        status: Status | str = Status.OK,
        predicted_class: object = None,
        score: float | None = None,
        confidence: float | None = None,
        unit: object = None,
        segments: Mapping[str, object] | None = None,
        llm: Mapping[str, object] | None = None,
        model_version: str | None = None,
        completed_at_ms: int | None = None,
    ) -> bool:
        """Publish one answered request; whether it was taken.

        Args:
            request_id: unique per request; also the record's key where there is no unit.
            latency_ms: from the request's arrival to its answer, failed requests included.
            status: OK, ERROR or TIMEOUT.
            predicted_class: anything whose text names the class.
            score: of the output, in [0, 1]; anything else is published as null and counted.
            confidence: the same rule.
            unit: user or session where routing is sticky; the outcome must name the same. Only
                its hash leaves this process.
            segments: slices of this request, `{"country": "SG"}`.
            llm: `ttft_ms`, `tpot_ms`, `tokens_in`, `tokens_out`, `refused`, `judge_score`.
            model_version: where one process serves several; default: the constructor's.
            completed_at_ms: milliseconds since the epoch; default: now.
        """
        try:
            plain = segments is None and llm is None and model_version is None
            if plain and status is _OK and self._trace is None:
                quick = usual(
                    completed_at_ms,
                    request_id,
                    latency_ms,
                    predicted_class,
                    score,
                    confidence,
                    unit,
                )
                if quick is not None:
                    return self._offer(quick)
            draft = prediction_draft(
                self._tally,
                request_id=request_id,
                latency_ms=latency_ms,
                status=status,
                service=self.options.service,
                model_version=self.options.model_version
                if model_version is None
                else model_version,
                predicted_class=predicted_class,
                score=score,
                confidence=confidence,
                unit=unit,
                segments=segments,
                llm=llm,
                completed_at_ms=completed_at_ms,
            )
            return self._offer(self._finished(draft))
        except Exception as failure:  # noqa: BLE001 - nothing may reach the caller
            return self._refuse(failure)

    def outcome(
        self,
        *,
        request_id: object,
        metric: str = "label",
        label: object = None,
        value: float | None = None,
        unit: object = None,
        outcome_id: object = None,
        occurred_at_ms: int | None = None,
    ) -> bool:
        """Publish what became of a prediction: a true class or a number; whether it was taken.

        `outcome_id` defaults to one per request and metric, so that a job may run twice.
        """
        try:
            draft = outcome_draft(
                self._tally,
                request_id=request_id,
                metric=metric,
                label=label,
                value=value,
                service=self.options.service,
                unit=unit,
                outcome_id=outcome_id,
                occurred_at_ms=occurred_at_ms,
            )
            return self._offer(self._finished(draft))
        except Exception as failure:  # noqa: BLE001 - nothing may reach the caller
            return self._refuse(failure)

    def request(self, request_id: object = None, **known: Any) -> Request:
        """Measure a request: `with publisher.request(id) as r: r.predicted_class = ...`."""
        return Request(self, Answer(request_id=request_id, **known))

    def answered(
        self, answer: Answer, *, latency_ms: float, status: Status, completed_at_ms: int
    ) -> bool:
        """Publish an answer whose time was measured; the status that it names itself wins."""
        return self.prediction(
            request_id=answer.request_id,
            latency_ms=latency_ms,
            status=status if answer.status is None else answer.status,
            predicted_class=answer.predicted_class,
            score=answer.score,
            confidence=answer.confidence,
            unit=answer.unit,
            segments=answer.segments,
            llm=answer.llm,
            model_version=answer.model_version,
            completed_at_ms=completed_at_ms,
        )

    def start(self) -> None:
        """Connect now, in the background, instead of at the first record."""
        self._start()

    def flush(self, deadline_s: float = 5.0) -> bool:
        """Wait until every record is delivered or dropped; whether that came in time."""
        until = time.monotonic() + deadline_s
        worker = self._worker
        if worker is None:
            return len(self._buffer) == 0
        while worker.waiting:
            if time.monotonic() >= until:
                return False
            worker.wake()
            time.sleep(POLL_S)
        return True

    def close(self, deadline_s: float | None = None) -> bool:
        """Take no more, deliver what waits, within the deadline; whether nothing was left.

        Runs at the end of the process too; a second call does nothing.
        """
        if self._closed:
            return True
        self._closed = True
        _LIVE.discard(self)
        worker = self._worker
        if worker is None:
            return True
        before = self._tally.dropped()[Drop.UNDELIVERED]
        worker.stop(self.options.close_s if deadline_s is None else max(0.0, deadline_s))
        left = len(self._buffer.take(len(self._buffer)))
        if left:
            self._tally.drop(Drop.UNDELIVERED, left)
        return worker.waiting == 0 and self._tally.dropped()[Drop.UNDELIVERED] == before

    def counters(self) -> Counters:
        """What became of the records of this process so far."""
        worker = self._worker
        return Counters(
            taken=self._buffer.taken,
            delivered=worker.delivered if worker else 0,
            waiting=worker.waiting if worker else len(self._buffer),
            dropped=dict(self._tally.dropped()),
            repaired=dict(self._tally.repaired()),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finished(self, draft: Draft) -> Draft:
        """With the user's hash, and with the trace that this call belongs to."""
        found = hashed(draft, self._hash)
        return found if self._trace is None else traced(found, self._trace())

    def _offer(self, draft: Waiting) -> bool:
        if self._closed:
            raise Refused(Drop.CLOSED)
        if self._worker is None:
            self._start()
        if not self._buffer.offer(draft):
            raise Refused(Drop.BUFFER_FULL)
        return True

    def _refuse(self, failure: Exception) -> bool:
        reason = failure.reason if isinstance(failure, Refused) else Drop.BAD_ARGUMENT
        self._tally.drop(reason)
        return False

    def _start(self) -> None:
        with self._starting, contextlib.suppress(RuntimeError):  # no thread now: the next record
            if self._worker is None and not self._closed:
                worker = Worker(self.options, self._buffer, self._tally, self._hash)
                worker.start()
                self._worker = worker

    def _renew(self) -> None:
        """Begin with nothing taken and no thread."""
        self._tally = Tally()
        self._buffer = Buffer(
            records=self.options.buffer_records, size_bytes=self.options.buffer_bytes
        )
        self._worker = None
        self._starting = threading.RLock()

    def _after_fork(self) -> None:
        """In a child the thread is gone, locks may be held for ever, and what waits is the
        parent's to deliver. librdkafka's handle must not even be freed here: that would wait for
        threads which do not exist, so it is kept for good.
        """  # noqa: D205
        if self._worker is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._worker))
        self._renew()


# Publishers that are not closed: what the process's end and its forks must reach.
_LIVE: set[Publisher] = set()


def _close_all() -> None:
    for publisher in tuple(_LIVE):
        publisher.close()


def _renew_all() -> None:
    GATE.after_in_child()
    for publisher in tuple(_LIVE):
        publisher._after_fork()  # noqa: SLF001 - the same module


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=GATE.before_fork,
        after_in_parent=GATE.after_in_parent,
        after_in_child=_renew_all,
    )
