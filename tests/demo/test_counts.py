"""Shares are measured over a window of answers, from a file that is still being written."""

from pathlib import Path

from streams.demo.counts import Counts, CountsFile


def line(at_ms: int, **answered: int) -> str:
    counts = Counts(at_ms=at_ms, answered=answered, failed={}, first_fault_ms={}, last_ms={})
    return counts.to_json() + "\n"


class TestCounts:
    def test_json_round_trip(self) -> None:
        """What is written is read."""
        counts = Counts(
            at_ms=5, answered={"v1": 2}, failed={"v1": 1}, first_fault_ms={}, last_ms={"v1": 4}
        )
        assert Counts.from_json(counts.to_json()) == counts


class TestCountsFile:
    def test_no_file_yet(self, tmp_path: Path) -> None:
        """Before the first answer there is no share."""
        counts = CountsFile(tmp_path / "absent")
        counts.refresh()
        assert counts.share("v1") is None
        assert counts.rate == 0.0

    def test_share_is_of_the_window(self, tmp_path: Path) -> None:
        """Old answers leave the window; the share follows the change."""
        path = tmp_path / "answers"
        path.write_text(line(1000, v1=100) + line(2000, v1=200) + line(3000, v1=230, v2=70))
        counts = CountsFile(path, window_ms=1000)
        counts.refresh()
        assert counts.share("v2") == 0.7
        assert counts.share("v1") == 0.3
        assert counts.rate == 100.0

    def test_half_a_line_waits(self, tmp_path: Path) -> None:
        """A line without its end is read once it has one."""
        path = tmp_path / "answers"
        whole = line(1000, v1=1)
        path.write_text(whole + whole[:10])
        counts = CountsFile(path)
        counts.refresh()
        assert counts.latest.at_ms == 1000
        second = line(1200, v1=5)
        path.write_text(whole + second)
        counts.refresh()
        assert counts.latest.answered == {"v1": 5}
