"""Slices part the events; what is left when some go is an exact sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.segments import Slicing
from streams.sketches.cell import Cell
from streams.spec.dimensions import Dimension
from streams.wire.columns import Coded

COUNTRY = Dimension(name="country", values=("DE", "SG"))
TIER = Dimension(name="tier", values=("free",))
BOTH = Slicing((COUNTRY, TIER), joint=True)


def coded(*values: str | None) -> Coded:
    """Values as a batch's column has them, in the order in which they are met."""
    names = tuple(dict.fromkeys(value for value in values if value is not None))
    codes = [-1 if value is None else names.index(value) for value in values]
    return Coded.of(np.array(codes, np.int32), names)


def columns(**by_name):
    return lambda name: by_name[name]


class TestNumbers:
    def test_of_declared_values_others_and_none(self):
        found = BOTH.numbers(
            columns(
                country=coded("SG", "FR", None, "DE", "other"),
                tier=coded("free", "free", "pro", None, "free"),
            )
        )
        assert found.dtype == np.int32
        assert [BOTH.slices(number) for number in found.tolist()] == [
            ("country=SG", "tier=free"),
            ("country=other", "tier=free"),
            ("country=other", "tier=other"),
            ("country=DE", "tier=other"),
            ("country=other", "tier=free"),
        ]

    def test_of_chosen_events_only(self):
        segment = columns(country=coded("SG", "FR", "DE"), tier=coded("free", None, "free"))
        whole = BOTH.numbers(segment)
        assert BOTH.numbers(segment, np.array([2, 0])).tolist() == whole[[2, 0]].tolist()

    def test_of_events_without_a_value_at_all(self):
        """A batch may name no value of a dimension."""
        found = BOTH.numbers(columns(country=coded(None), tier=coded(None)))
        assert BOTH.slices(int(found[0])) == ("country=other", "tier=other")

    def test_each_combination_is_a_number_of_its_own(self):
        named = [BOTH.names(number) for number in range(BOTH.combinations)]
        assert len(set(named)) == BOTH.combinations == 6
        assert named[0] == ("country=DE", "tier=free", "country=DE,tier=free")

    def test_a_single_dimension_has_no_names_beside_its_slices(self):
        assert Slicing((COUNTRY,), joint=True).names(1) == ("country=SG",)

    def test_no_dimensions_no_slices(self):
        none = Slicing(())
        assert (none.combinations, none.slices(0), list(none.cuts(np.zeros(3, np.int32)))) == (
            1,
            (),
            [],
        )

    @pytest.mark.property
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
    def test_cuts_name_the_slices_of_each_number(self, numbers):
        cuts = list(BOTH.cuts(np.array(numbers, np.int32)))
        for event, number in enumerate(numbers):
            assert tuple(names[places[event]] for places, names in cuts) == BOTH.names(number)


class TestWithout:
    def cells(self, slicing, *, arm="baseline"):
        """Each combination has one event more than the one before."""
        found = {}
        for number in range(slicing.combinations):
            for name in ("all", *slicing.names(number)):
                held = found.setdefault((name, arm), Cell())
                held.merge(Cell(exposures=number + 1, errors=1))
        return found

    @pytest.mark.parametrize(
        ("gone", "left"),
        [
            ({"country=SG"}, {"all": 14, "country=DE": 3, "tier=free": 6, "tier=other": 8}),
            ({"country=SG", "tier=free"}, {"all": 8, "country=DE": 2, "tier=other": 8}),
            (set(), {"all": 21, "country=DE": 3, "country=SG": 7, "tier=free": 9}),
        ],
    )
    def test_is_what_touches_none_of_those_gone(self, gone, left):
        found = BOTH.without(self.cells(BOTH), frozenset(gone))
        assert {name: found[name, "baseline"].exposures for name in left} == left
        assert not [segment for segment, _ in found if segment in gone or "," in segment]

    def test_of_one_dimension_needs_no_combinations(self):
        slicing = Slicing((COUNTRY,))
        found = slicing.without(self.cells(slicing), frozenset({"country=DE"}))
        assert found["all", "baseline"].exposures == 5
        assert found["all", "baseline"].errors == 2

    def test_leaves_the_pane_as_it_was(self):
        before = self.cells(BOTH)
        BOTH.without(before, frozenset({"country=SG"}))
        assert before["all", "baseline"].exposures == 21
