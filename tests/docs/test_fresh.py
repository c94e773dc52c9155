"""Everything that is generated is as its command would make it now."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.docs import everything, figures, kafka_ui, measured, topic_pages


@pytest.fixture(autouse=True)
def unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of measurements stay as they are: what is measured here is this machine's matter."""
    monkeypatch.setattr(measured, "BUILD", tmp_path / "nothing")


class TestStale:
    def test_nothing_is(self) -> None:
        """`make docs` would change no file."""
        assert everything.stale() == []

    def test_a_missing_file_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By its path."""
        monkeypatch.setattr(kafka_ui, "FILE", tmp_path / "gone.yaml")
        assert everything.stale() == [tmp_path / "gone.yaml"]

    def test_a_changed_file_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One letter is enough."""
        changed = tmp_path / "application.yaml"
        changed.write_text(kafka_ui.text().replace("davy", "dave", 1))
        monkeypatch.setattr(kafka_ui, "FILE", changed)
        assert everything.stale() == [changed]

    def test_the_page_of_a_topic_that_is_gone_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing else would notice it."""
        for name, text in topic_pages.pages().items():
            (tmp_path / name).write_text(text)
        left = tmp_path / "no-such-topic.md"
        left.write_text("# no-such-topic\n")
        monkeypatch.setattr(topic_pages, "FOLDER", tmp_path)
        assert everything.stale() == [left]

    def test_a_readme_that_shows_an_old_table_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Tables made of the code are made anew."""
        readme = tmp_path / "README.md"
        readme.write_text("<!-- figures:routers -->\nold\n<!-- /figures -->\n")
        monkeypatch.setattr(figures, "READMES", (readme,))
        assert everything.stale() == [readme]


class TestCommand:
    def test_check_names_what_is_stale(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And ends with 1; it writes nothing."""
        gone = everything.ROOT / "infra" / "kafka-ui" / "gone.yaml"
        monkeypatch.setattr(kafka_ui, "FILE", gone)
        monkeypatch.setattr("sys.argv", ["docs", "--check"])
        assert everything.main() == 1
        assert "infra/kafka-ui/gone.yaml: is stale; run `make docs`" in capsys.readouterr().out
        assert not gone.exists()

    def test_check_is_content_with_fresh_files(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Code 0."""
        monkeypatch.setattr("sys.argv", ["docs", "--check"])
        assert everything.main() == 0
        assert capsys.readouterr().out == "every generated file is fresh\n"
