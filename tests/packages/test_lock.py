"""What is installed is what is locked; anything else is told by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from infra.packages.audit import names_faults
from infra.packages.lock import Installed, Locked, installed, locked, problems
from infra.packages.sbom import LOCK, sbom

GOOD = Locked(version="1.0", hashes=("0" * 64,))
THERE = Installed(version="1.0", licence="MIT")


class TestProblems:
    def test_none(self) -> None:
        """Just what the lock says."""
        assert list(problems({"a": GOOD}, {"a": THERE})) == []

    @pytest.mark.parametrize(
        ("lock", "there", "told"),
        [
            ({}, {"a": THERE}, "a 1.0 is installed and not in the lock"),
            ({"a": GOOD}, {}, "a 1.0 is in the lock and not installed"),
            ({"a": GOOD}, {"a": Installed(version="1.1", licence="MIT")}, "the lock says 1.0"),
            ({"a": Locked(version="1.0", hashes=())}, {"a": THERE}, "names no hash"),
            ({"a": GOOD}, {"a": Installed(version="1.0", licence="")}, "states no licence"),
        ],
    )
    def test_each_is_told(
        self, lock: dict[str, Locked], there: dict[str, Installed], told: str
    ) -> None:
        """One sentence, with the package."""
        (problem,) = problems(lock, there)
        assert told in problem


class TestLock:
    def test_is_read_as_pip_reads_it(self, tmp_path: Path) -> None:
        """Continued lines, comments, and markers that do not apply here."""
        path = tmp_path / "lock"
        digest = "a" * 64
        path.write_text(
            f"Some_Name==1.2 \\\n    --hash=sha256:{digest} \\\n    --hash=sha256:{digest}\n"
            "    # via another\n"
            f"other==3 ; sys_platform == 'plan9' \\\n    --hash=sha256:{digest}\n"
        )
        assert locked(path) == {"some-name": Locked(version="1.2", hashes=(digest, digest))}

    def test_this_environment_is_as_locked(self) -> None:
        """Every package with hash and licence, and no other."""
        assert list(problems(locked(LOCK), installed())) == []


class TestAdvisories:
    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ('{"dependencies": [{"name": "a", "vulns": [{"id": "CVE-2019-10906"}]}]}', True),
            ('{"dependencies": [{"name": "a", "vulns": []}]}', False),
            ('{"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]}', False),
            ("no answer within 30 s", False),
            ("[]", False),
        ],
    )
    def test_an_index_without_them_is_noticed(self, answer: str, told: object) -> None:
        """Where a faulty version passes, silence about the others means nothing."""
        assert names_faults(answer) is told


class TestSbom:
    def test_names_every_locked_package(self) -> None:
        """CycloneDX, with version, licence and hashes of each."""
        found = json.loads(json.dumps(sbom()))
        assert found["bomFormat"] == "CycloneDX"
        told = {canonicalize_name(each["name"]): each for each in found["components"]}
        for name, entry in locked(LOCK).items():
            component = told[name]
            assert component["version"] == entry.version
            assert [each["content"] for each in component["hashes"]] == [*entry.hashes]
            place, _, version = component["purl"].removeprefix("pkg:pypi/").partition("@")
            assert (canonicalize_name(place), version) == (name, entry.version)
