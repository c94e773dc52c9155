"""The demo on Istio ends as it must: VirtualService, API server, istiod and Envoy are real."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from streams.demo.processes import Parts

RUN_S = 400.0


@pytest.mark.kube
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(RUN_S + 30)
def test_one_is_promoted_and_one_rolled_back(
    tmp_path: Path, absent: Callable[[str, str], NoReturn]
) -> None:
    if missing := [tool for tool in ("go", "etcd") if shutil.which(tool) is None]:
        absent("kube", f"no {', '.join(missing)} on PATH")
    with Parts(tmp_path) as parts:
        command = [sys.executable, "-m", "streams.demo", "--router", "istio"]
        demo = parts.start("demo", [*command, "--build", str(tmp_path / "build")])
        assert demo.wait(deadline_s=RUN_S) == 0, demo.tail()
    told = json.loads((tmp_path / "build" / "demo.json").read_text())
    good, bad = told["rollouts"]
    assert (told["ok"], told["router"]) == (True, "istio")
    assert (good["outcome"], good["final_measured_share"]) == ("promoted", 1.0)
    assert (bad["outcome"], bad["final_measured_share"]) == ("rolled back", 0.0)
    assert 0 < bad["seconds_from_first_faulty_response_to_share_0"] < 60
