"""What the nursery says of those that it forked is said of them, and of none before them."""

from pathlib import Path

from tests.nursery import RUNS, Children, Nursery


def test_a_number_that_comes_again_is_another_child() -> None:
    """The system gives numbers again; a long soak sees all of them."""
    children = Children()
    children.ended(7, 0)
    assert children.code_of(7) == 0
    children.born(7)
    assert children.code_of(7) == RUNS


def test_codes_are_those_of_the_program(tmp_path: Path) -> None:
    with Nursery(tmp_path / "nursery.log", {}) as nursery:
        good = nursery.fork("good", ["-m", "platform"], log=tmp_path / "good.log", env={})
        bad = nursery.fork("bad", ["-m", "nobody.has_it"], log=tmp_path / "bad.log", env={})
        assert (good.wait(deadline_s=60), bad.wait(deadline_s=60)) == (0, 1)
    assert good.tail()
    assert "nobody" in bad.tail()
