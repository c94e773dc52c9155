"""What a controller calls the candidate: written in the spec, or said when it is applied."""

import pytest

from streams.errors import SpecError
from streams.spec.load import parse_spec, with_revision
from streams.spec.render import render_spec

ONE = "service: digits\nbaseline: v1\ncandidate: v2\nroute: memory\n"
TWO = "service: digits\nbaseline: v1\ncandidates: {a: v2, b: v3}\nroute: memory\n"


def test_it_stands_for_the_one_candidate():
    spec = parse_spec(ONE + "revision: 6f9c7b5d4\n").spec
    arms = {name: spec.arm_of(name) for name in ("6f9c7b5d4", "v2", "v1", "")}
    assert arms == {"6f9c7b5d4": "candidate", "v2": "candidate", "v1": None, "": None}


def test_several_candidates_go_by_their_versions():
    assert parse_spec(TWO).spec.arm_of("v3") == "b"
    with pytest.raises(SpecError, match=r"spec:5: revision: it names one candidate"):
        parse_spec(TWO + "revision: 6f9c7b5d4\n")


class TestFlag:
    def test_it_is_as_if_it_stood_there(self):
        said = with_revision(parse_spec(ONE), "6f9c7b5d4")
        assert said.spec == parse_spec(ONE + "revision: 6f9c7b5d4\n").spec
        assert f"{'revision: 6f9c7b5d4':<34} # --revision" in render_spec(said)

    @pytest.mark.parametrize(
        ("text", "revision", "told"),
        [
            (ONE + "revision: aa\n", "bb", "--revision bb: the spec names `aa`"),
            (TWO, "bb", "--revision: it names one candidate"),
            (ONE, " ", "--revision: this is empty"),
        ],
    )
    def test_what_makes_no_sense(self, text, revision, told):
        with pytest.raises(SpecError, match=told):
            with_revision(parse_spec(text), revision)
