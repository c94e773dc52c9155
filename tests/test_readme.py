"""What the pages show is what is there, and the README's few words are true."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from infra.docs import misses, spec_sample
from infra.docs.figures import BLOCK, FILE, READMES, TABLES, settings_table, with_files
from infra.docs.measured import HEADLINES
from streams.cli.target import check_route
from streams.demo.processes import free_port
from streams.spec import defaults
from streams.spec.model import SILENCE_LEASES
from tests.docs.pages import ROOT, pages

README, MEASURED = ROOT / "README.md", ROOT / "tests" / "MEASURED.md"
LIMITS, OPERATING = ROOT / "infra" / "LIMITS.md", ROOT / "infra" / "OPERATING.md"
MOST_LINES = 260
"""What a newcomer reads in some minutes; details have rooms of their own."""
ROW = re.compile(r"^\| (.+?) \|.*$", re.MULTILINE)


def block(page: Path, name: str) -> str:
    """What a page shows between the marks of this name."""
    (shown,) = [found[0] for found in BLOCK.finditer(page.read_text()) if found[2] == name]
    return shown


def rows(page: Path, name: str) -> list[str]:
    """Rows of a table that a page shows, without its header and what stands below."""
    return [line for line in block(page, name).splitlines() if line.startswith("|")][2:]


class TestBlocks:
    def test_every_page_that_has_some_is_made_anew(self) -> None:
        """`make docs` knows each of them."""
        with_blocks = [page for page in pages() if marked(page.read_text(encoding="utf-8"))]
        assert sorted(ROOT / page for page in READMES) == with_blocks

    def test_each_is_known_and_shown_once(self) -> None:
        """A fact has one home."""
        shown = [
            name for page in READMES for _, name, _ in BLOCK.findall((ROOT / page).read_text())
        ]
        assert sorted(shown) == sorted(TABLES)

    def test_files_are_shown_as_they_are(self) -> None:
        """`make figures` would change none."""
        texts = [(ROOT / page).read_text() for page in READMES]
        assert sum(len(FILE.findall(text)) for text in texts) == 3
        assert [with_files(text) for text in texts] == texts

    def test_all_settings_are_told(self) -> None:
        """With their defaults as they are, and a sentence for each."""
        made = settings_table()
        assert made in OPERATING.read_text()
        assert [line for line in made.splitlines() if line.endswith("|  |")][1:] == []

    def test_headlines_stand_in_the_whole_table_too(self) -> None:
        """Of one measurement, figure by figure."""
        head, whole = rows(README, "speed"), rows(MEASURED, "bench")
        assert [ROW.sub(r"\1", line) for line in head] == list(HEADLINES)
        assert [line for line in head if not any(row.startswith(line) for row in whole)] == []


class TestReadme:
    def test_it_is_short(self) -> None:
        assert len(README.read_text().splitlines()) <= MOST_LINES

    def test_each_bar_of_the_statistics_is_explained(self) -> None:
        """By a sentence below the table, under the name that the table gives it."""
        bars = {ROW.sub(r"\1", row) for row in rows(README, "statistics")}
        heads = "".join(re.findall(r"^- (\*\*.+?\*\*):", README.read_text(), re.MULTILINE))
        told = set(re.findall(r"\*\*(.+?)\*\*", heads))
        assert {re.sub(r" \(\w\)$", "", bar) for bar in bars} == told

    def test_a_promise_that_is_missed_says_so(self) -> None:
        """Where davy promises to be in nobody's way, as long as a call may take too long."""
        missed = "SDK: one call, p99" in misses.missed(block(README, "speed"))
        assert ("One call in a hundred takes longer than its [bar]" in README.read_text()) == missed

    def test_its_spec_is_one_that_a_router_takes(self) -> None:
        """Four facts suffice."""
        check_route(spec_sample.loaded())
        assert spec_sample.FACTS.read_text() in README.read_text()

    def test_its_service_publishes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As it stands there, whether Kafka is there or not."""
        (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        (tmp_path / "service.py").write_text(code)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DAVY_BOOTSTRAP", f"127.0.0.1:{free_port()}")
        publisher = runpy.run_path("service.py")["publisher"]
        try:
            assert publisher.counters().taken == 1
        finally:
            publisher.close(deadline_s=0.1)

    def test_it_promises_the_budgets_that_rollouts_have(self) -> None:
        """Where their specs name no other."""
        text = " ".join(README.read_text().split())
        assert f"at most {_spaced(defaults.ALPHA_ROLLBACK)} over the whole rollout" in text
        assert f"at most {_spaced(defaults.ALPHA_PROMOTE)}" in text


class TestOtherPages:
    def test_silence_goes_back_when_it_is_said_to(self) -> None:
        """After three leases, as the whole spec has it too."""
        text = " ".join(OPERATING.read_text().split())
        (written,) = re.findall(r"silent for three leases\*\* \(`(.+?)`, unless", text)
        assert f"\n{written} " in spec_sample.whole_spec()
        assert SILENCE_LEASES == 3

    def test_faults_are_unproven_until_they_are_measured(self) -> None:
        """Both pages say so, or neither does."""
        unmeasured = "Not measured for this version" in block(MEASURED, "soak")
        text = " ".join(LIMITS.read_text().split())
        assert ("cut off was not measured for this version" in text) == unmeasured


def marked(text: str) -> bool:
    """Whether anything in it is generated by `make figures`."""
    return BLOCK.search(text) is not None or FILE.search(text) is not None


def _spaced(percent: str) -> str:
    """As prose writes it.

    >>> _spaced("1%")
    '1 %'
    """
    return percent.replace("%", " %")
