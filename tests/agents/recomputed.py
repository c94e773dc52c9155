"""What came of predictions, counted from the two topics with pandas alone.

The rules in their own words, none of davy's code: one partition of `predictions` and the same of
`outcomes`, as frames with `offset`, `append_ms` and the fields of the events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

EARLY_MS = 60_000
"""An outcome's clock may be behind its prediction's by so much."""
LARGEST = 1e9
COHORT = ["outcome", "pane", "arm"]
ANSWER = ["exposure", "metric"]


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """One outcome: `label`, `rate` or `mean`, and for how long it is awaited."""

    kind: str
    window_ms: int
    delivery_ms: int

    @property
    def held_ms(self) -> int:
        """From the end of a pane until its cohort is mature."""
        return self.window_ms + self.delivery_ms


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What counts."""

    service: str
    arms: Mapping[str, str]
    """By model version."""
    awaited: Mapping[str, Awaited]
    classes: tuple[str, ...]
    pane_ms: int
    lateness_ms: int
    future_ms: int


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What one partition gives."""

    cohorts: pd.DataFrame
    """By outcome, pane, arm: exposures, answered, events, milli; of mature cohorts."""
    classes: pd.DataFrame
    """By outcome, pane, arm, label: labelled, hits; likewise."""
    fates: pd.Series
    """Outcomes by what became of them."""
    late: int
    """Predictions that came too late."""
    repeated: int
    """Predictions that came again."""
    closed_through: int
    """The last pane that the predictions have closed."""


def counted(
    rules: Rules,
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    first_offset: int,
    outcomes_offset: int,
) -> Counted:
    """Recompute a partition; both offsets are those from which the rollout counts."""
    on_clock = _on_clock(rules, predictions)
    exposed = _exposures(rules, on_clock[on_clock["offset"] >= first_offset])
    awaited, refused = _usable(rules, outcomes[outcomes["offset"] >= outcomes_offset])
    met = _met(rules, _at_receipt(on_clock, awaited), exposed)
    closed = int(on_clock["closed"].iloc[-1])
    fates = _fates(rules, met, closed)
    joined = met[fates == "joined"]
    return Counted(
        cohorts=mature(rules, _cohorts(rules, exposed, joined), closed),
        classes=mature(rules, _classes(joined), closed),
        fates=pd.concat([refused, fates]).value_counts(),
        late=int((~on_clock["in_time"]).sum()),
        repeated=int(on_clock["repeated"].sum()),
        closed_through=closed,
    )


def _on_clock(rules: Rules, predictions: pd.DataFrame) -> pd.DataFrame:
    """In the order of the log: highest event time so far, what it closes, who comes in time."""
    log = predictions.sort_values("offset")
    log["received"] = log["append_ms"].cummax()
    log = log[log["completed_at"] <= log["append_ms"] + rules.future_ms]
    watermark = log["completed_at"].cummax() - rules.lateness_ms
    log["closed"] = watermark // rules.pane_ms - 1
    log["in_time"] = log["completed_at"] >= watermark
    in_time = log[log["in_time"]]
    who = [in_time[name] for name in ("service", "model_version", "request_id")]
    before = in_time.groupby(who)["completed_at"].cummax().groupby(who).shift()
    log["repeated"] = (before >= watermark[in_time.index]).reindex(log.index, fill_value=False)
    return log


def _exposures(rules: Rules, log: pd.DataFrame) -> pd.DataFrame:
    """Predictions of the service's arms that came in time, each once."""
    counts = log["in_time"] & ~log["repeated"] & (log["service"] == rules.service)
    exposed = log[counts & log["model_version"].isin(list(rules.arms))]
    return pd.DataFrame(
        {
            "request_id": exposed["request_id"],
            "exposure": exposed["offset"],
            "exposed_at": exposed["completed_at"],
            "pane": exposed["completed_at"] // rules.pane_ms,
            "arm": exposed["model_version"].map(rules.arms),
            "predicted": exposed["predicted_class"],
        }
    )


def _usable(rules: Rules, outcomes: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Outcomes that say something, and the fates of those that do not."""
    log = outcomes.sort_values("offset")
    log["received"] = log["append_ms"].cummax()
    value, label = log["value"], log["label"]
    given = log["value_given"]
    empty = (log[["service", "metric", "request_id", "outcome_id"]] == "").any(axis=1)
    dead = empty | (given & ~np.isfinite(value)) | (~given & label.isna())
    mine = ~dead & (log["service"] == rules.service) & log["metric"].isin(list(rules.awaited))
    kind = log["metric"].map({name: each.kind for name, each in rules.awaited.items()})
    wrong_kind = np.where(kind == "label", label.isna(), ~given)
    unknown = (kind == "label") & ~label.isin(rules.classes)
    strange = (kind == "mean") & ((value < 0) | (value > LARGEST))
    fate = np.select(
        [dead, ~mine, wrong_kind, unknown, strange],
        ["dead", "not asked for", "wrong_kind", "unknown_label", "out_of_range"],
        default="",
    )
    refused = pd.Series(fate, index=log.index)
    log["said"] = label.where(kind == "label", value.astype(str))
    return log[fate == ""], refused[~refused.isin(["", "not asked for"])]


def _at_receipt(predictions: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """What was closed when each was received; in the same millisecond predictions come first."""
    clock = predictions[["received", "closed"]]
    found = pd.merge_asof(outcomes, clock, on="received", direction="backward")
    return found.assign(closed=found["closed"].fillna(-1).astype("int64"))


def _met(rules: Rules, outcomes: pd.DataFrame, exposed: pd.DataFrame) -> pd.DataFrame:
    """Each outcome with its exposure: earliest pane, then first in the log; or without any.

    Panes are held until the longest outcome has matured. Exposures of open panes are waited for,
    where they may still come.
    """
    longest = max(each.held_ms for each in rules.awaited.values())
    kept_from = ((outcomes["closed"] + 1) * rules.pane_ms - longest) // rules.pane_ms
    outcomes = outcomes.assign(kept_from=kept_from.clip(lower=0))
    pairs = outcomes.merge(exposed, on="request_id", how="inner")
    pairs["waited"] = pairs["pane"] > pairs["closed"]
    held = pairs["pane"] >= pairs["kept_from"]
    near = pairs["exposed_at"] <= pairs["occurred_at"] + EARLY_MS
    pairs = pairs[held & near].sort_values(["offset", "pane", "exposure"])
    best = pairs.drop_duplicates("offset")[
        ["offset", "exposure", "exposed_at", "pane", "arm", "predicted", "waited"]
    ]
    return outcomes.merge(best, on="offset", how="left")


def _fates(rules: Rules, met: pd.DataFrame, closed: int) -> pd.Series:
    """What became of each outcome; of those of one exposure and metric the first is joined."""
    window_ms, held_ms = (met["metric"].map(each) for each in _times(rules))
    found = met["exposure"].notna()
    matured_ms = (met["pane"] + 1) * rules.pane_ms + held_ms
    mature = matured_ms <= (met["closed"] + 1) * rules.pane_ms
    late = found & ((met["occurred_at"] - met["exposed_at"] > window_ms) | mature)
    last = (met["occurred_at"] + EARLY_MS) // rules.pane_ms
    waits = ~found & (last > met["closed"])
    old = ~found & ~waits & (met["occurred_at"] < met["kept_from"] * rules.pane_ms)
    pending = (found & (met["pane"] > closed)) | (waits & (last > closed))
    fates = np.select(
        [pending, late | old, ~found], ["pending", "late", "unmatched"], default="joined"
    )
    told = pd.Series(fates, index=met.index)
    answers = met[told == "joined"].sort_values("offset")
    return told.mask(
        answers.duplicated(ANSWER).reindex(met.index, fill_value=False), _again(answers)
    )


def _again(answers: pd.DataFrame) -> pd.Series:
    """Beside the first answer of the same exposure and metric: what each is if it came later."""
    first = answers.drop_duplicates(ANSWER)[[*ANSWER, "outcome_id", "said"]]
    beside = answers[ANSWER].merge(first, on=ANSWER, how="left").set_index(answers.index)
    same = answers["said"] == beside["said"]
    same_id = answers["outcome_id"] == beside["outcome_id"]
    kinds = np.select([same & same_id, same], ["duplicate", "agreed"], default="conflict")
    return pd.Series(kinds, index=answers.index)


def _times(rules: Rules) -> tuple[dict[str, int], dict[str, int]]:
    """Window, and time held, by outcome."""
    every = rules.awaited.items()
    return {n: each.window_ms for n, each in every}, {n: each.held_ms for n, each in every}


def _cohorts(rules: Rules, exposed: pd.DataFrame, joined: pd.DataFrame) -> pd.DataFrame:
    """All exposures are the denominator of every outcome; a failed request is a wrong answer."""
    exposures = exposed.groupby(["pane", "arm"]).size().rename("exposures")
    every = pd.concat(dict.fromkeys(rules.awaited, exposures), names=["outcome"])
    kind = joined["metric"].map({name: each.kind for name, each in rules.awaited.items()})
    wrong = joined["label"] != joined["predicted"]
    thousandths = (joined["value"] * 1000).round().where(kind == "mean", 0)
    sums = pd.DataFrame(
        {
            "outcome": joined["metric"],
            "pane": joined["pane"].astype("int64"),
            "arm": joined["arm"],
            "answered": 1,
            "events": np.where(kind == "label", wrong, joined["value"] > 0).astype("int64"),
            "milli": thousandths,
        }
    )
    counted = every.to_frame().join(sums.groupby(COHORT).sum())
    return counted.fillna(0).astype("int64")


def _classes(joined: pd.DataFrame) -> pd.DataFrame:
    """By true class: how many labels, and how many of them were predicted."""
    labels = joined[joined["metric"] == "label"]
    rows = pd.DataFrame(
        {
            "outcome": labels["metric"],
            "pane": labels["pane"].astype("int64"),
            "arm": labels["arm"],
            "label": labels["label"],
            "labelled": 1,
            "hits": (labels["label"] == labels["predicted"]).astype("int64"),
        }
    )
    return rows.groupby([*COHORT, "label"]).sum()


def mature(rules: Rules, frame: pd.DataFrame, closed: int) -> pd.DataFrame:
    """Cohorts whose window and delivery the predictions have passed."""
    held_ms = frame.index.get_level_values("outcome").map(_times(rules)[1])
    matured_ms = (frame.index.get_level_values("pane") + 1) * rules.pane_ms + held_ms
    return frame[matured_ms <= (closed + 1) * rules.pane_ms].sort_index()
