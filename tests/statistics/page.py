"""How are the figures shown? One self-contained page, `build/statistics.html`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from tests.statistics.facts import Figure, Series, binomial_band
from tests.statistics.runner import BUILD, Done
from tests.statistics.svg import Axis, Dot, dot_plot, line_plot

PAGE = BUILD / "statistics.html"
SHARE = tuple(round(0.2 * n, 1) for n in range(6))
STYLE = """:root{color-scheme:light dark;--ink:#222;--paper:#fff;--rule:#ddd;--missed:#fdd}
@media(prefers-color-scheme:dark){:root{--ink:#e9ecef;--paper:#16191d;--rule:#495057;--missed:#5c1a1a}}
body{font:15px/1.5 sans-serif;max-width:940px;margin:2em auto;padding:0 1em;color:var(--ink);
background:var(--paper)}.wide{overflow-x:auto}.wide>*{min-width:640px}
svg{width:100%;height:auto}table{border-collapse:collapse;width:100%;font-size:13px}
td,th{border-bottom:1px solid var(--rule);padding:3px 6px;text-align:left}.n{text-align:right;
font-variant-numeric:tabular-nums}.missed{background:var(--missed)}"""


def write_page(done: Sequence[Done], path: Path = PAGE) -> None:
    """Plots, each with a sentence, then every figure."""
    figures = [figure for each in done for figure in each.result.figures]
    series = [line for each in done for line in each.result.series]
    missed = sum(not figure.holds for figure in figures)
    told = "All bars hold." if not missed else f"{missed} of {len(figures)} figures miss their bar."
    body = "".join(
        f"<h2>{escape(title)}</h2><div class=wide>{svg}</div><p>{escape(sentence)}</p>"
        for title, svg, sentence in plots(figures, series)
    )
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>davy: statistics</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><h1>Do davy's verdicts hold?</h1><p>Simulated rollouts with fixed "
        f"seeds through the code that judges. {told}</p>{body}{table(figures)}</html>\n"
    )


def plots(figures: Sequence[Figure], series: Sequence[Series]) -> Iterator[tuple[str, str, str]]:
    """Title, drawing and sentence; those whose simulations were not run are left out."""
    for title, make in PLOTS.items():
        found = make(figures, series)
        if found is not None:
            yield title, *found


Plot = tuple[str, str] | None


def _of(series: Sequence[Series], plot: str) -> list[Series]:
    return [line for line in series if line.plot == plot]


def _rates(figures: Sequence[Figure], bars: str) -> list[Dot]:
    """Shares with their bands of the bars that begin so; alpha picks the colour."""
    shown = [f for f in figures if f.bar.startswith(bars) and f.band and " at 0.0" in f.scenario]
    return [
        Dot(
            label=figure.scenario.removesuffix(", at 0.05").removesuffix(", at 0.01"),
            value=figure.value,
            band=figure.band or (0.0, 0.0),
            limit=figure.must,
            group=0 if figure.scenario.endswith("at 0.05") else 1,
        )
        for figure in shown
    ]


def _small_share(label: str) -> Axis:
    ticks = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
    return Axis(label=label, low=0.0, high=0.07, ticks=ticks, text="{:.0%}")


def false_rollbacks(figures: Sequence[Figure], _series: Sequence[Series]) -> Plot:
    """Bar 1."""
    dots = _rates(figures, "1 ")
    if not dots:
        return None
    axis = _small_share("share of rollouts ever rolled back, in % (95 % band)")
    return dot_plot(dots, axis, ("alpha 5 %", "alpha 1 %")), (
        "Two identical models, looked at every second: how many davy would ever roll back. "
        "The red tick is the most that chance explains if the true rate is alpha."
    )


def false_promotions(figures: Sequence[Figure], _series: Sequence[Series]) -> Plot:
    """Bar 2."""
    dots = _rates(figures, "2 ")
    if not dots:
        return None
    axis = _small_share("share of rollouts ever shown harmless, in % (95 % band)")
    return dot_plot(dots, axis, ("alpha 5 %",)), (
        "A candidate that is worse by exactly what the spec tolerates: how many davy would "
        "ever call harmless at 5 %."
    )


def delays(_figures: Sequence[Figure], series: Sequence[Series]) -> Plot:
    """Bar 3."""
    if not (lines := _of(series, "delay")):
        return None
    x = Axis(
        label="requests per arm, in units of the fixed sample with 80 % power",
        low=0.0,
        high=2.5,
        ticks=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5),
    )
    y = Axis(label="harm found, share of rollouts", low=0.0, high=1.0, ticks=SHARE, text="{:.0%}")
    return line_plot(lines, x, y), (
        "How soon davy finds a candidate that errs RR times as often (1 % errors, alpha 1 %). The "
        "dashed line is an exact test that may look only once, at that sample size; davy may stop "
        "at every second."
    )


def naive(figures: Sequence[Figure], series: Sequence[Series]) -> Plot:
    """Repeated z-tests beside davy."""
    lines = _of(series, "naive")
    if not lines:
        return None
    ours = {f.scenario.removesuffix(", at 0.05"): f for f in figures if f.bar.startswith("1 ")}
    dots = []
    for line in lines:
        found = ours.get(line.label)
        if found and found.band:
            value, band = found.value, found.band
            dots.append(Dot(label=f"{line.label}, davy", value=value, band=band))
        z = line.points[0][1]
        dots.append(Dot(label=f"{line.label}, z-test each minute", value=z, band=(z, z), group=1))
    axis = Axis(label="false alarms, share", low=0.0, high=1.0, ticks=SHARE, text="{:.0%}")
    return dot_plot(dots, axis, ("davy, 5 %", "z-test on pooled counts, 5 %")), (
        "Identical models over 10 minutes. A test that is right once is wrong when it is looked at "
        "again and again; on pooled counts a ramp and a shared outage look like harm every time."
    )


def kayenta_false(_figures: Sequence[Figure], series: Sequence[Series]) -> Plot:
    """Bar 4 (a)."""
    if not (lines := _of(series, "kayenta A/A")):
        return None
    dots = []
    for line in lines:
        value, theirs = line.points[0][1], line.label.endswith("Kayenta")
        band = binomial_band(round(value * 500), 500) if theirs else (value, value)
        dots.append(Dot(label=line.label, value=value, band=band, group=int(theirs)))
    axis = Axis(label="flagged ever in 6 hours, share", low=0, high=1, ticks=SHARE, text="{:.0%}")
    return dot_plot(dots, axis, ("davy, alpha 1 %", "Kayenta's judge, 12 looks")), (
        "Identical models whose error rates wander from minute to minute (AR(1), correlation of "
        "neighbouring minutes as named; Kayenta sees 500 of the streams)."
    )


def kayenta_found(_figures: Sequence[Figure], series: Sequence[Series]) -> Plot:
    """Bar 4 (b)."""
    if not (lines := _of(series, "kayenta found")):
        return None
    ticks = tuple(float(t) for t in range(0, 361, 60))
    x = Axis(label="minutes since the start", low=0.0, high=360.0, ticks=ticks)
    y = Axis(label="harm found, share of rollouts", low=0.0, high=1.0, ticks=SHARE, text="{:.0%}")
    return line_plot(lines, x, y), (
        "A candidate with 5 % of 20 requests a second fails 1 % instead of .1 % of them: how many "
        "rollouts have shown it by when. davy's are followed for half an hour only."
    )


def mixes(_figures: Sequence[Figure], series: Sequence[Series]) -> Plot:
    """Bar 5."""
    if not (lines := _of(series, "mix")):
        return None
    ticks = tuple(float(t) for t in range(0, 1201, 200))
    x = Axis(label="requests per arm", low=0.0, high=1_200.0, ticks=ticks)
    y = Axis(label="harm found, share of rollouts", low=0.0, high=1.0, ticks=SHARE, text="{:.0%}")
    return line_plot(lines, x, y), (
        "Predicted classes at a divergence (JSD) of .10 nats, threshold .05, alpha 1 %, for "
        "k classes: how many rollouts have shown it after so many requests per arm."
    )


PLOTS = {
    "False rollbacks": false_rollbacks,
    "Beside a z-test that is looked at each minute": naive,
    "False promotions": false_promotions,
    "Time to detection": delays,
    "False alarms beside Kayenta's judge": kayenta_false,
    "Detection beside Kayenta's judge": kayenta_found,
    "Detection of a changed output mix": mixes,
}


def table(figures: Sequence[Figure]) -> str:
    """Every figure with its bar."""
    names = ("bar", "measured", "", "must be", "unit", "streams", "")
    right = {"measured", "must be", "streams"}
    head = "".join(f"<th{' class=n' if name in right else ''}>{name}</th>" for name in names)
    rows = "".join(map(_row, figures))
    return f"<h2>Every figure</h2><div class=wide><table><tr>{head}</tr>{rows}</table></div>"


def _row(figure: Figure) -> str:
    sign = "≥" if figure.better == "higher" else "≤"
    cells = (
        f"<td>{escape(figure.name)}</td><td class=n>{figure.value:,.4g}</td><td>{sign}</td>"
        f"<td class=n>{figure.must:,.4g}</td><td>{escape(figure.unit)}</td>"
        f"<td class=n>{f'{figure.streams:,}' if figure.streams else ''}</td>"
        f"<td>{'holds' if figure.holds else 'missed'}</td>"
    )
    return f"<tr{'' if figure.holds else ' class=missed'}>{cells}</tr>"
