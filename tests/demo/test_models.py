"""The good candidate is as good as the baseline, and each fault is a fault of the kind it says."""

import numpy as np
import pytest

from streams.demo.digits import digits
from streams.demo.faults import VERSIONS, Fault
from streams.demo.models import Model


def class_shares(model: Model) -> np.ndarray:
    found = [int(model.predict(image).digit) for image in digits().held_pixels]
    return np.bincount(found, minlength=10) / len(found)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    m = (p + q) / 2
    halves = [np.sum(a[a > 0] * np.log(a[a > 0] / m[a > 0])) for a in (p, q)]
    return float(sum(halves) / 2)


class TestModels:
    def test_versions_are_equally_good(self) -> None:
        """All three answer held-out digits right; only the code around v3 can be bad."""
        held = digits()
        rates = [
            Model(version, Fault.NONE).accuracy(held.held_pixels, held.held_labels)
            for version in VERSIONS
        ]
        assert min(rates) > 0.93
        assert abs(rates[0] - rates[1]) < 0.02

    def test_versions_are_different_models(self) -> None:
        """v2 is not v1 under another name: scores differ."""
        image = digits().held_pixels[0]
        scores = {Model(version, Fault.NONE).predict(image).score for version in VERSIONS}
        assert len(scores) == len(VERSIONS)

    def test_good_candidate_has_the_same_class_mix(self) -> None:
        """Far below the limit of .05 nats."""
        shares = [class_shares(Model(version, Fault.NONE)) for version in ("v1", "v2")]
        assert divergence(*shares) < 0.005


class TestFaults:
    def test_errors(self) -> None:
        """A good share of images runs past the end of the table, the others do not."""
        model = Model("v3", Fault.ERRORS)
        failed = 0
        for image in digits().held_pixels:
            try:
                model.predict(image)
            except IndexError:
                failed += 1
        assert 0.2 < failed / len(digits().held_pixels) < 0.6

    def test_drift(self) -> None:
        """Classes shift well beyond the limit of .05 nats, and nothing fails."""
        base = class_shares(Model("v2", Fault.NONE))
        assert divergence(base, class_shares(Model("v3", Fault.DRIFT))) > 0.15

    @pytest.mark.parametrize("fault", list(Fault))
    def test_slow(self, fault: Fault) -> None:
        """Only the slow one asks the feature store again and again."""
        expected = 8 if fault is Fault.SLOW else 1
        assert Model("v3", fault).feature_calls == expected
