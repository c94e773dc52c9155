"""Which steps does the traffic take? `2% for 10s`, or the long form with all conditions."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from streams.spec import choices, defaults, units
from streams.spec.formats import format_duration, format_weight
from streams.spec.model import FULL_BP, Mode, Stage
from streams.spec.provenance import Source, Told
from streams.spec.reader import DEFAULT, Block, listed, refuse, scalar, written
from streams.spec.units import UnitError

KEYS = ("weight", "min_time", "max_time", "min_exposures", "approval")
Plan = tuple[tuple[Stage, ...], dict[str, Source]]


def read_stages(node: yaml.Node | None, candidates: int, mode: Mode) -> Plan:
    """The stages as written, or the default ones without a node."""
    if node is None:
        return default_plan(mode)
    return read_plan(node, candidates=candidates, mode=mode)


def default_plan(mode: Mode = Mode.LIVE) -> Plan:
    """1 % for 2 h, 10 % for 12 h, 100 %; of copies 1 % for 15 min, 10 % for 2 h."""
    stages = []
    for text in defaults.STAGES if mode is Mode.LIVE else defaults.SHADOW_STAGES:
        weight_bp, min_time_s = _short(text)
        stages.append(_stage(weight_bp, min_time_s, None, None))
    paths = [f"stages[{i}].{key}" for i in range(len(stages)) for key in KEYS]
    return tuple(stages), dict.fromkeys(paths, DEFAULT)


def read_plan(node: yaml.Node, *, candidates: int, mode: Mode = Mode.LIVE) -> Plan:
    """The stages as written; weights must rise and, of live requests, end at 100 %."""
    items = listed(node, what="stages", instead="write a list: `[1% for 2h, 10% for 12h, 100%]`")
    stages: list[Stage] = []
    sources: dict[str, Source] = {}
    for index, item in enumerate(items):
        stage, told = _read(item, mode)
        before = stages[-1].weight_bp if stages else 0
        _check_rise(item, before, stage.weight_bp, candidates)
        stages.append(stage)
        sources |= {f"stages[{index}].{key}": source for key, source in told.items()}
    if stages[-1].weight_bp != FULL_BP and mode is Mode.LIVE:
        last = format_weight(stages[-1].weight_bp)
        refuse(items[-1], f"the last stage is {last}", "add `100%` as the last stage")
    return tuple(stages), sources


def _check_rise(item: yaml.Node, before: int, weight_bp: int, candidates: int) -> None:
    now, then = format_weight(weight_bp), format_weight(before)
    if weight_bp <= before:
        refuse(item, f"{now} follows {then}", "weights must rise from stage to stage")
    if weight_bp < candidates:
        refuse(
            item,
            f"{now} cannot be shared by {candidates} candidates",
            f"write at least {candidates}bp, so that each gets 1bp",
        )


def _read(item: yaml.Node, mode: Mode) -> tuple[Stage, Mapping[str, Source]]:
    if not isinstance(item, yaml.MappingNode):
        weight_bp, min_time_s = scalar(item, _short, what="stage")
        told = {"weight": written(item), "min_time": written(item)}
        if min_time_s is None:
            told["min_time"] = DEFAULT
        stage = _stage(weight_bp, min_time_s, None, None, mode)
        return stage, dict.fromkeys(KEYS, DEFAULT) | told
    return _read_long(item, mode)


def _read_long(item: yaml.Node, mode: Mode) -> tuple[Stage, Mapping[str, Source]]:
    block = Block(item, what="the stage", known=KEYS)
    node = block.need("weight", example="weight: 2%")
    min_time = block.take_optional("min_time", units.duration)
    max_time = block.take_optional("max_time", units.duration)
    exposures = block.take_optional("min_exposures", units.count)
    approval = block.take_optional("approval", choices.yes)
    _check_times(item, min_time, max_time)
    stage = _stage(
        scalar(node, units.weight, what="weight"),
        min_time.value if min_time else None,
        max_time.value if max_time else None,
        exposures.value if exposures else None,
        mode,
    ).model_copy(update={"approval": approval is not None and approval.value})
    found = (min_time, max_time, exposures, approval)
    sources = {
        key: told.source if told else DEFAULT for key, told in zip(KEYS[1:], found, strict=True)
    }
    return stage, {"weight": written(node)} | sources


def _check_times(
    item: yaml.Node, min_time: Told[float] | None, max_time: Told[float] | None
) -> None:
    if max_time is None:
        return
    least = min_time.value if min_time else 0.0
    if max_time.value <= least:
        most, floor = format_duration(max_time.value), format_duration(least)
        refuse(
            item,
            f"max_time {most} is not above min_time {floor}",
            "raise max_time, or leave it out to wait as long as it takes",
        )


def _short(text: str) -> tuple[int, float | None]:
    """`2% for 10s` -> weight in basis points, least time in seconds if there is one."""
    weight, separator, least = text.partition(" for ")
    if not separator and " " in text and not text.endswith("bp"):
        raise UnitError(f"`{text}` is no stage", "write `2% for 10s`, or `{weight: 2%, ...}`")
    return units.weight(weight), units.duration(least) if separator else None


def _stage(
    weight_bp: int,
    min_time_s: float | None,
    max_time_s: float | None,
    exposures: int | None,
    mode: Mode = Mode.LIVE,
) -> Stage:
    # At 100 % there is nothing left to wait for: the promotion was decided before.
    promoted = weight_bp == FULL_BP and mode is Mode.LIVE
    least = 0 if promoted else units.count(defaults.MIN_EXPOSURES)
    return Stage(
        weight_bp=weight_bp,
        min_time_s=min_time_s or 0.0,
        max_time_s=max_time_s,
        min_exposures=least if exposures is None else exposures,
    )
