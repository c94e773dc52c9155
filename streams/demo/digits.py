"""Which images do the demo's models learn from, and which are they asked about?

scikit-learn's bundled handwritten digits, read from the file in its wheel: to import the library
for them takes seconds, in every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streams.errors import PartError
from streams.extras import lacking

INK_LEVELS = 17  # a pixel is 0..16
SIDE = 8
SEED = 7
Pixels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """One half to learn from, the other half to ask with: pixels [n, 64], labels [n]."""

    train_pixels: Pixels
    train_labels: NDArray[np.int64]
    held_pixels: Pixels
    held_labels: NDArray[np.int64]


@cache
def digits() -> Digits:
    """1797 images of 8x8 pixels (0..16), halved by a fixed seed.

    Raises:
        PartError: scikit-learn, or the file in it, is not there.
    """
    table = np.loadtxt(_bundled_file(), delimiter=",", dtype=np.int64)
    table = np.random.default_rng(SEED).permutation(table)
    train, held = np.array_split(table, 2)
    return Digits(
        train_pixels=train[:, :-1],
        train_labels=train[:, -1],
        held_pixels=held[:, :-1],
        held_labels=held[:, -1],
    )


def _bundled_file() -> Path:
    library = find_spec("sklearn")
    if library is None or library.origin is None:
        raise PartError(lacking("scikit-learn, for the demo,", "server,demo"))
    path = Path(library.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.exists():
        raise PartError(f"{path} is not there; install a scikit-learn that brings its data sets")
    return path
