"""Uniform boundaries against published values, and asymptotic sequences against theirs."""

import numpy as np
import pytest

from streams.evidence.asymptotic import (
    one_sided_asymptotic_log_e,
    one_sided_asymptotic_radius,
    sequential_relative_interval,
)
from streams.evidence.boundaries import (
    best_rho,
    beta_binomial_mixture_bound,
    empirical_process_lil_bound,
    gamma_exponential_mixture_bound,
    gamma_poisson_mixture_bound,
    iterated_logarithm_constant,
    normal_mixture_bound,
    one_sided_beta_binomial_mixture_bound,
    one_sided_normal_mixture_bound,
    poly_stitching_bound,
)
from streams.evidence.roots import turning_point

AT = {"v": 100.0, "alpha": 0.05, "v_opt": 100.0}


class TestPublishedValues:
    """The values that the authors' own library is tested with, to 1e-5."""

    @pytest.mark.parametrize(
        ("bound", "expected"),
        [
            (normal_mixture_bound(**AT), 30.35209),
            (one_sided_normal_mixture_bound(**AT), 27.66071),
            (gamma_exponential_mixture_bound(**AT, c=2.0), 33.02017),
            (gamma_poisson_mixture_bound(**AT, c=2.0), 30.1949),
            (beta_binomial_mixture_bound(**AT, g=0.2, h=0.8), 31.4308),
            (one_sided_beta_binomial_mixture_bound(**AT, g=0.2, h=0.8), 28.41238),
            (poly_stitching_bound(100.0, 0.05, v_min=10.0, c=3.0), 64.48755),
            (empirical_process_lil_bound(1_000, 0.05, t_min=100, a=0.85), 0.08204769),
        ],
    )
    def test_bound(self, bound, expected):
        assert float(bound) == pytest.approx(expected, abs=1e-5)

    def test_constants(self):
        assert best_rho(100.0, 0.05) == pytest.approx(12.60056, abs=1e-5)
        assert iterated_logarithm_constant(0.05, 0.85) == pytest.approx(8.12272, abs=1e-5)

    def test_sequential_relative_interval(self):
        a, b = (1396.87, 52377.9767, 3000), (2422.7, 134698.29, 3461)
        expected = (0.50336, -0.55844, 1.56516)
        result = sequential_relative_interval(a, b, n_opt=1000, alpha=0.05)
        assert result == pytest.approx(expected, abs=1e-4)


class TestShape:
    def test_bounds_are_vectorised_and_grow(self):
        """Any shape of v gives that shape; more time allows more wandering."""
        v = np.geomspace(1, 1e6, 12).reshape(3, 4)
        for bound in (
            normal_mixture_bound(v, 0.05, 100.0),
            gamma_poisson_mixture_bound(v, 0.05, 100.0, c=0.5),
            beta_binomial_mixture_bound(v, 0.05, 100.0, g=0.01, h=0.99),
        ):
            assert bound.shape == v.shape
            assert np.all(np.diff(bound.ravel()) > 0)

    def test_nothing_is_said_before_the_first_time(self):
        assert np.isinf(empirical_process_lil_bound(99, 0.05, t_min=100, a=0.85))

    def test_turning_point_brackets(self):
        low, high = turning_point(lambda x: x * x < 2.0, np.zeros(3), np.full(3, 10.0))
        assert low == pytest.approx(np.sqrt(2), abs=1e-12)
        assert np.all((low * low < 2.0) & (high * high >= 2.0))


class TestAsymptotic:
    @pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-4])
    @pytest.mark.parametrize("n", [50, 500, 1e6])
    def test_e_value_crosses_where_the_interval_excludes(self, alpha, n):
        """Log e reaches log 1/alpha exactly at one radius' distance."""
        radius = one_sided_asymptotic_radius(0.02, n, alpha)
        log_e = one_sided_asymptotic_log_e(radius, 0.02, n, alpha)
        assert float(log_e) == pytest.approx(-np.log(alpha), abs=1e-9)

    def test_e_value_is_a_number_everywhere(self):
        distances = np.array([-1e9, -1.0, 0.0, 1e-300, 1.0, 1e9])
        log_e = one_sided_asymptotic_log_e(distances, 1e-9, 50, 0.01)
        assert np.all(np.isfinite(log_e))
        assert np.all(np.diff(log_e) >= 0)
