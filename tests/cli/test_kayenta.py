"""What `davy kayenta judge` reads, refuses and warns of."""

import json

import pytest

from streams.cli.main import run

SERIES = [100.0, 101.0, 99.0, 100.5] * 10


def config(**canary):
    analysis = {"analysisConfigurations": {"canary": canary}}
    return {
        "metrics": [{"name": "latency", "groups": ["g"], **analysis}],
        "classifier": {"groupWeights": {"g": 100}},
    }


@pytest.fixture
def judge(tmp_path, capsys):
    """`judge(config, control, "--pass", "90")` -> (exit code, stdout, stderr)."""

    def call(canary, control, *more):
        paths = {}
        for name, value in (("config", canary), ("control", control), ("experiment", SERIES)):
            paths[name] = tmp_path / f"{name}.json"
            series = {"latency": value} if isinstance(value, list) else value
            paths[name].write_text(json.dumps(series))
        files = ("--control", str(paths["control"]), "--experiment", str(paths["experiment"]))
        with pytest.raises(SystemExit) as end:
            run(["kayenta", "judge", str(paths["config"]), *files, *more])
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


class TestScores:
    @pytest.mark.parametrize(
        "scores", [("--pass", "50", "--marginal", "75"), ("--pass", "50"), ("--marginal", "99")]
    )
    def test_a_pass_below_a_marginal_is_refused(self, judge, scores):
        code, out, told = judge(config(), SERIES, *scores)
        assert (code, out) == (2, "")
        assert "lies below a marginal at" in told

    def test_equal_ones_are_taken(self, judge):
        assert judge(config(), SERIES, "--pass", "80", "--marginal", "80")[0] == 0


class TestUnknownWords:
    @pytest.mark.parametrize(
        ("canary", "says"),
        [
            ({"direction": "up"}, "direction `up` is unknown and judged as `either`"),
            ({"nanStrategy": "zero"}, "nanStrategy `zero` is unknown and judged as `remove`"),
            ({"outliers": {"strategy": "drop"}}, "outliers.strategy `drop` is unknown"),
            ({"effectSize": {"measure": "CLES"}}, "judged as `meanRatio`, as Kayenta does"),
        ],
    )
    def test_are_told_on_stderr_and_judged_by_kayentas_default(self, judge, canary, says):
        code, out, told = judge(config(**canary), SERIES)
        assert (code, out) == judge(config(), SERIES)[:2]
        assert told.startswith("warning: ")
        assert f"metrics[0]: {next(iter(canary))}" in told
        assert says in told

    def test_known_ones_are_not(self, judge):
        known = {"direction": "increase", "nanStrategy": "replace"}
        assert judge(config(**known, outliers={"strategy": "keep"}), SERIES)[2] == ""

    @pytest.mark.parametrize("metrics", [7, None, [7], {"a": 1}])
    def test_a_config_that_is_none_is_left_to_the_judge(self, judge, metrics):
        code, _, told = judge({"metrics": metrics}, SERIES)
        assert (code, told.count("\n")) == (2, 1)
        assert told.startswith("error: canary config: ")


class TestFiles:
    def test_nan_is_missing_like_null(self, judge):
        with_nan, with_null = (judge(config(), [*SERIES, gap]) for gap in (float("nan"), None))
        assert with_nan == with_null
        assert with_nan[0] == 0

    def test_nan_is_told_in_the_help(self, capsys):
        with pytest.raises(SystemExit):
            run(["kayenta", "judge", "--help"])
        assert "NaN in a series counts as missing" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("gone.json", "there is no such file; check the path"),
            (".", "is a directory; name the JSON file in it"),
            ("broken.json", "is not JSON: "),
        ],
    )
    def test_that_cannot_be_read_are_told_as_what_they_are(self, tmp_path, capsys, name, says):
        (tmp_path / "broken.json").write_text("{")
        path = str(tmp_path / name)
        with pytest.raises(SystemExit) as end:
            run(["kayenta", "judge", path, "--control", path, "--experiment", path])
        assert end.value.code == 2
        assert capsys.readouterr().err.startswith(f"error: {tmp_path / name}: {says}")
