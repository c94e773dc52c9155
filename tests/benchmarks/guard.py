"""How many instructions does folding a batch take? `python -m tests.benchmarks.guard`.

Seconds depend on the machine and on who else is there; what callgrind counts hardly does. Two runs,
one with more batches, leave out what the start of Python and of its packages takes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from streams.agents.sources import PREDICTIONS
from streams.panes.facts import Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.load import parse_spec
from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES
from streams.wire.store import LocalSchemaStore
from tests.load.values import ID_DIGITS, ORDINARY, Maker, rows
from tests.wire.kafka_batches import Sent, batch, read

EVENTS = 2_000
"""Of a batch."""
FEW, MANY = 2, 6
WHERE = "--fold"
START_MS = 1_790_000_000_000
SPEC = """
service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
"""
COUNTED = re.compile(r"Collected\s*:\s*(\d+)")
ALIKE = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_USER_SIMD_LEVEL": "NONE",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM,"
    "-AVX_Fast_Unaligned_Load",
}
"""Libraries choose among instructions by the processor: all machines are to count the same ones."""


def instructions() -> float:
    """Instructions of one event: fetched, decoded, looked for among those before it, folded."""
    with tempfile.TemporaryDirectory(prefix="davy-guard-") as name, ExitStack() as ended:
        runs = [_start(Path(name), batches) for batches in (FEW, MANY)]
        for run in runs:
            ended.callback(_end, run)
        few, many = (_counted(run) for run in runs)
    return (many - few) / ((MANY - FEW) * EVENTS)


def fold(count: int) -> int:
    """Fold so many batches of a second each; returns how many events were accepted."""
    codec, most = Codec(LocalSchemaStore()), DEFAULT_MAX_EVENT_BYTES
    made = [_fetched(Maker(codec, ORDINARY), number) for number in range(MANY)]
    clock = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=3_600_000)
    partition = PartitionFold(clock, Marker())
    partition.activate(parse_spec(SPEC).spec)
    for fetched in made[:count]:
        records = read(fetched)
        columns = PREDICTIONS.decode(records.values, codec, most)
        partition.fold(columns, *records.told_by_broker, end_offset=records.last_offset + 1)
    return partition.marker.accepted


def _fetched(maker: Maker, number: int) -> bytes:
    """A producer's batch as a broker hands it over; all are made, however many are folded."""
    first, from_ms = number * EVENTS, START_MS + number * 1000
    times = from_ms + np.arange(EVENTS) * 1000 // EVENTS
    values = enumerate(rows(maker.block(first, times)), first)
    sent = [Sent(value, b"%d" % (10**ID_DIGITS + place)) for place, value in values]
    return batch(sent, first, append_ms=from_ms + 1000)


def _start(folder: Path, batches: int) -> subprocess.Popen[str]:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / str(batches)}"]
    command += [sys.executable, "-m", "tests.benchmarks.guard", WHERE, str(batches)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | ALIKE)


def _end(run: subprocess.Popen[str]) -> None:
    """Leave nothing running, whatever broke off."""
    run.kill()
    run.wait()
    if run.stderr is not None:
        run.stderr.close()


def _counted(run: subprocess.Popen[str]) -> int:
    _, said = run.communicate()
    found = COUNTED.search(said)
    assert run.returncode == 0, said
    assert found is not None, said
    return int(found[1])


def main() -> None:
    """Fold, or count what folding takes."""
    if sys.argv[1:2] == [WHERE]:
        assert fold(int(sys.argv[2])) == int(sys.argv[2]) * EVENTS
    else:
        print(f"{instructions():,.0f} instructions an event")


if __name__ == "__main__":
    main()
