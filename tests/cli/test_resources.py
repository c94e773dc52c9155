"""`davy resources export`: what it refuses before it asks anybody."""

from __future__ import annotations

import pytest

from streams.cli.main import run


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--service", ""), "--service: it is empty; write the service that rollouts name"),
        (("--every", "0.1s"), "--every: 0.1s is outside 1s to 1m; write e.g. 15s"),
        (("--pods", "x"), "--pods: `x` is no PATTERN=VERSION"),
        (("--memory-limit", "2GB"), "--memory-limit: `2GB` is no size; write e.g. 512Mi or 2Gi"),
    ],
)
def test_options_that_cannot_work(
    option: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["resources", "export", "--service", "digits", "--scrape", "v1=http://a/metrics"]
    with pytest.raises(SystemExit, match="2"):
        run([*command, *option])
    assert said in capsys.readouterr().err
