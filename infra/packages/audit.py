"""Are there known faults in the packages that davy stands on? Asked of pip-audit where it can know.

Its data come from the package index, and an index that has none answers "no known vulnerabilities"
too. So a version with known faults is asked for first. In any case the environment is compared
with the lock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.packages.lock import installed, locked, problems
from infra.packages.sbom import LOCK

FAULTY = "jinja2==2.10"
"""Has CVE-2019-10906 and others."""
ASK_S = 30
ALL_S = 300


def advisories_answer() -> bool:
    """Whether pip-audit finds a fault where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "faulty.txt"
        asked.write_text(f"{FAULTY}\n")
        wanted = ["--no-deps", "--format", "json", "-r", str(asked)]
        return names_faults(_pip_audit(wanted, limit_s=ASK_S)[1])


def names_faults(answer: str) -> bool:
    """Whether pip-audit's JSON tells of at least one; anything else tells of none."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return False
    return any(package.get("vulns") for package in packages)


def main() -> int:
    """1 where something is wrong; says which of the two checks were done."""
    known = locked(LOCK)
    wrong = list(problems(known, installed()))
    print(
        "\n".join(wrong) or f"packages: all {len(known)} are as the lock says, hashes and licences"
    )
    if not advisories_answer():
        print("advisories: none to be had from here; only the lock was checked")
        return int(bool(wrong))
    code, said = _pip_audit(["--require-hashes", "--strict", "-r", str(LOCK)], limit_s=ALL_S)
    print(f"advisories: pip-audit says\n{said}")
    return int(bool(wrong) or code != 0)


def _pip_audit(arguments: list[str], *, limit_s: float) -> tuple[int, str]:
    tool = [str(Path(sys.executable).with_name("pip-audit")), "--progress-spinner", "off"]
    command = [*tool, "--disable-pip", "--timeout", "5", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {limit_s:.0f} s"
    return done.returncode, done.stdout or done.stderr


if __name__ == "__main__":
    sys.exit(main())
