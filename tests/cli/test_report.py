"""What `davy report` writes, prints and refuses; from files, and from topics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from streams.cli.main import run
from streams.replay.files import Format, write_trail
from streams.replay.records import Trail
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.report.reader import Reader
from tests.report.worlds import recorded

if TYPE_CHECKING:
    from streams.replay.records import StoredRecord

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """`call("digits-2", ...)` -> (exit code, stdout, stderr)."""

    def typed(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return typed


def export(found: Trail, folder: Path) -> Path:
    write_trail(found, folder, Format.JSONL)
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The export of a rollback; the command is given in the folder above it."""
    monkeypatch.chdir(tmp_path)
    return export(recorded("errors"), tmp_path / "export")


class TestFromFiles:
    def test_writes_one_page_and_says_the_verdict(self, call: Call, folder: Path) -> None:
        code, told, _ = call("report", "digits-2", "--from-files", folder)
        assert code == 0
        verdict, where = told.splitlines()
        assert verdict.startswith("v2 did not replace v1 at digits: harm shown: errors")
        assert where == "The report is in digits-2.html"
        assert verdict in Reader(Path("digits-2.html").read_text()).text

    def test_json_is_printed_and_writes_nothing(self, call: Call, folder: Path) -> None:
        code, told, _ = call("report", "digits-2", "--from-files", folder, "--json")
        assert (code, json.loads(told)["state"]) == (0, "rolled back")
        assert not Path("digits-2.html").exists()

    def test_both_go_where_they_are_wanted(self, call: Call, folder: Path) -> None:
        where = ("--html", "page.html", "--data", "facts.json")
        assert call("report", "digits-2", "--from-files", folder, *where)[0] == 0
        assert Path("page.html").read_text().startswith("<!doctype html>")
        assert json.loads(Path("facts.json").read_text())["chain"]["findings"] == []


class TestRefusals:
    def test_an_unknown_rollout(self, call: Call, folder: Path) -> None:
        code, _, told = call("report", "digits-9", "--from-files", folder)
        assert code == 2
        assert "there is nothing of rollout `digits-9`; `davy rollout list` shows all" in told
        assert not Path("digits-9.html").exists()

    def test_no_decision_yet(self, call: Call, folder: Path) -> None:
        for topic in ("decisions", "judge-state"):
            (folder / f"{topic}.jsonl").write_text("")
        code, _, told = call("report", "digits-2", "--from-files", folder)
        assert code == 2
        assert "was applied by ada at 2023-11-14 22:13:11Z, and nothing was decided yet" in told

    def test_a_torn_chain_is_reported_and_told(self, call: Call, folder: Path) -> None:
        path = folder / "decisions.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([*lines[:1], *lines[2:]]))
        code, _, told = call("report", "digits-2", "--from-files", folder)
        assert code == 1
        assert "the record of digits-2 has 1 gap, first: " in told
        assert "dropped" in Path("digits-2.html").read_text()

    def test_garbage_is_named_by_its_line(self, call: Call, folder: Path) -> None:
        (folder / "panes.jsonl").write_text("rubbish\n")
        code, _, told = call("report", "digits-2", "--from-files", folder)
        assert code == 2
        assert f"{folder / 'panes.jsonl'}:1: no JSON" in told

    def test_no_such_folder(self, call: Call, folder: Path) -> None:
        where = ("--html", "nowhere/x.html")
        code, _, told = call("report", "digits-2", "--from-files", folder, *where)
        assert code == 2
        assert "--html nowhere/x.html: cannot be written: No such file" in told

    def test_an_export_of_before_the_judges_state(self, call: Call, folder: Path) -> None:
        """It can be read; that its end cannot be checked is told."""
        (folder / "judge-state.jsonl").unlink()
        code, _, told = call("report", "digits-2", "--from-files", folder)
        assert code == 1
        assert "no_state" in told


@pytest.mark.flow
class TestFromTopics:
    @pytest.fixture
    def settings(self, tansu: str, prefix: str) -> Settings:
        made = Settings(bootstrap=tansu, prefix=prefix, source_partitions=1)
        create_topics(made)
        return made

    def test_gives_the_same_bytes_as_an_export(
        self, settings: Settings, call: Call, tmp_path: Path
    ) -> None:
        publish(settings, recorded("good", 30, paused=True))
        where = ("--bootstrap", settings.bootstrap, "--prefix", settings.prefix)
        call("replay", "digits-2", *where, "--export", tmp_path / "export")
        files = ("--from-files", tmp_path / "export")
        pages = [tmp_path / "topics.html", tmp_path / "files.html"]
        assert call("report", "digits-2", *where, "--html", pages[0])[0] == 0
        assert call("report", "digits-2", *files, "--html", pages[1])[0] == 0
        assert pages[0].read_bytes() == pages[1].read_bytes()
        assert "paused by ada" in pages[0].read_text()


def publish(settings: Settings, found: Trail) -> None:
    """A rollout's records as davy would have written them."""
    codec = Codec(LocalSchemaStore(), settings.prefix)
    producer = Producer(settings.confluent(partitioner="murmur2_random"))

    def send(topic: str, told: StoredRecord) -> None:
        value = told.sealed.value if told.sealed else codec.encode(topic, told.record)
        headers = list(told.sealed.headers) if told.sealed else []
        producer.produce(
            settings.topic(topic), value, found.rollout, headers=headers, timestamp=told.at_ms
        )

    for topic, records in found.records.items():
        for told in records:
            send(topic, told)
    assert producer.flush(20) == 0
