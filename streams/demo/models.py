"""Which models does the demo serve, and what is wrong with the bad one?

Classifiers for scikit-learn's bundled handwritten digits. v1 is the baseline, v2 a good candidate,
v3 a bad one whose code has one of three faults that real serving code has had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from streams.demo.digits import INK_LEVELS, SIDE, Pixels, digits
from streams.demo.faults import Fault

Image = NDArray[np.float64]


INVERSE_REGULARISATION = {"v1": 1.0, "v2": 10.0, "v3": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model says about one image."""

    digit: str
    score: float


class Model:
    """One trained version with its serving code; `fault` is active from the first image on."""

    def __init__(self, version: str, fault: Fault) -> None:
        self.version = version
        self.fault = fault
        self._classifier = _train(version)
        self._ink = np.linspace(0.0, 1.0, INK_LEVELS)

    @property
    def feature_calls(self) -> int:
        """How many calls to the feature store one answer waits for, one after the other."""
        return SIDE if self.fault is Fault.SLOW else 1

    def predict(self, pixels: Pixels) -> Answer:
        """The digit on an image of 64 pixels in 0..16 and the model's score in [0, 1]."""
        shares = self._classifier.predict_proba(self._prepare(pixels)[np.newaxis, :])[0]
        best = int(np.argmax(shares))
        return Answer(digit=str(self._classifier.classes_[best]), score=float(shares[best]))

    def accuracy(self, pixels: Pixels, labels: NDArray[np.int64]) -> float:
        """Share of right answers over many images [n, 64] with their labels [n]."""
        pairs = zip(pixels, labels, strict=True)
        return float(np.mean([self.predict(image).digit == str(label) for image, label in pairs]))

    def _prepare(self, pixels: Pixels) -> Image:
        match self.fault:
            case Fault.NONE | Fault.SLOW | Fault.ACCURACY | Fault.CONVERSION:
                return self._ink[pixels]
            case Fault.ERRORS:
                top, rest = pixels[:SIDE], pixels[SIDE:]
                return np.concatenate((self._ink[: INK_LEVELS - 1][top], self._ink[rest]))
            case Fault.DRIFT:
                return self._ink[pixels.reshape(SIDE, SIDE).T.ravel()]
            case _:
                assert_never(self.fault)


def _train(version: str) -> Any:
    """A fitted scikit-learn classifier; the same for the same version, every time."""
    known = digits()
    classifier = LogisticRegression(C=INVERSE_REGULARISATION[version], max_iter=1000)
    return classifier.fit(known.train_pixels / (INK_LEVELS - 1), known.train_labels)
