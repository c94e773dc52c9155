"""`davy report`: what became of a rollout, for someone who was not there, in one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.codes import Code
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.cli.ending import complain
from streams.cli.trails import DECISIONS, FromFiles, PartitionLog
from streams.cli.waiting import busy
from streams.errors import SettingsError
from streams.replay.files import Format, read_topic
from streams.replay.records import JUDGE_STATE, StoredRecord
from streams.report.data import as_json
from streams.report.facts import Report
from streams.report.gather import Read, gather
from streams.report.page import page
from streams.report.tell import tell
from streams.settings import Settings
from streams.wire.keys import open_trusted

Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Html = Annotated[
    Path | None, typer.Option(help="Where the page goes; ROLLOUT.html here if left out.")
]
Data = Annotated[Path | None, typer.Option(help="Also write the facts to this file, as JSON.")]
Json = Annotated[
    bool, typer.Option("--json", help="For programs: print the facts; write no page unasked.")
]


def report(
    rollout: Rollout,
    from_files: FromFiles = None,
    html: Html = None,
    data: Data = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_object: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Write what became of a rollout as one page; exit code 1 if its record has gaps.

    Example: davy report digits-v2 --html digits-v2.html
    """
    settings = settings_of(config, bootstrap, prefix)
    with busy(f"reading the log of {rollout}"):
        told = tell(gather(rollout, _reader(rollout, settings, from_files), open_trusted(settings)))
    if data is not None:
        _write("--data", data, f"{as_json(told)}\n")
    place = Path(f"{rollout}.html") if html is None and not as_object else html
    if place is not None:
        _write("--html", place, page(told))
    show.say(as_json(told) if as_object else f"{told.verdict}\nThe report is in {place}")
    _tell_gaps(told)


def _tell_gaps(told: Report) -> None:
    gaps = told.chain.findings
    if gaps:
        complain(
            f"the record of {told.rollout} has {len(gaps)} gap{'s' if len(gaps) > 1 else ''}, "
            f"first: {gaps[0]}; the report names all of them"
        )
        raise typer.Exit(Code.NO)


def _write(option: str, path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        told = problem.strerror or problem
        raise SettingsError(
            f"{option} {path}: cannot be written: {told}; name a file in a folder that there is"
        ) from problem


def _reader(rollout: str, settings: Settings, folder: Path | None) -> Read:
    """Reads the one partition that holds everything of a rollout, or the files of an export."""
    if folder is not None:
        return lambda topic: _from_files(folder, topic)
    log = PartitionLog(settings)
    number = log.number(DECISIONS, rollout)
    return lambda topic: log.partition(topic, number)


def _from_files(folder: Path, topic: str) -> Iterable[StoredRecord]:
    """Records of a topic; an export may lack the judge's state, which the audit tells then."""
    if topic == JUDGE_STATE and not any((folder / f"{topic}.{form}").exists() for form in Format):
        return ()
    return read_topic(folder, topic)
