"""What comes of SIGTERM and SIGINT, in the main thread and outside of it."""

from __future__ import annotations

import signal
import threading

import pytest

from streams.serving.signals import signals


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_they_set_the_event_and_handlers_come_back(self, number: signal.Signals) -> None:
        before, stopping = signal.getsignal(number), threading.Event()
        with signals(stopping):
            signal.raise_signal(number)
            assert stopping.wait(5)
        assert signal.getsignal(number) is before

    def test_another_thread_leaves_them_alone(self) -> None:
        """Python takes handlers of the main thread alone."""
        before = signal.getsignal(signal.SIGTERM)
        seen: list[object] = []

        def run() -> None:
            with signals(threading.Event()):
                seen.append(signal.getsignal(signal.SIGTERM))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(5)
        assert seen == [before]
