"""The demo as people start it, what it leaves in its report, and who of it still runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from streams.demo.processes import Part, Parts

DEMO = (sys.executable, "-m", "streams.demo")
MARK = "DEMO_TEST_MARK"
RUN_S = 240.0


def start(parts: Parts, build: Path, mark: str, *options: str) -> Part:
    env = {MARK: mark, "DAVY_BOOTSTRAP": "127.0.0.1:1"}  # a demo looks at no such thing
    return parts.start("demo", [*DEMO, "--build", str(build), *options], env=env)


def marked(mark: str) -> set[int]:
    """Processes that were started, at any remove, with the mark in their environment."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or somebody else's
        if f"{MARK}={mark}".encode() in environment:
            found.add(int(folder.name))
    return found


def check_report(build: Path, fault: str) -> None:
    report = json.loads((build / "demo.json").read_text())
    good, bad = report["rollouts"]
    assert report["ok"]
    assert report["fault"] == fault
    assert (good["outcome"], good["final_measured_share"]) == ("promoted", 1.0)
    assert (bad["outcome"], bad["final_measured_share"]) == ("rolled back", 0.0)
    assert 0 < bad["seconds_from_first_faulty_response_to_share_0"] < 60
    assert bad["decisions"][-1]["action"] == "rollback"
    assert all(decision["reason"] for decision in good["decisions"] + bad["decisions"])
