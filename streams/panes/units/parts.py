"""How do a partition's units lie in `cells`? One record a part: `units/<rollout>/<part>`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.panes.facts import Body, LiveRollout, Parts
from streams.panes.units.ledger import UnitLedger

PART = "davy.UnitPart"


def unit_keys(rollout: str, names: Iterable[str]) -> tuple[str, ...]:
    """Keys of parts."""
    return tuple(f"units/{rollout}/{name}" for name in names)


def changed_units(live: Mapping[str, LiveRollout]) -> Parts:
    """What must be stored now, of all rollouts that count units; after that nothing is changed."""
    written: dict[str, Body] = {}
    gone: tuple[str, ...] = ()
    for rollout, ledger in _ledgers(live):
        changes = ledger.take_changes()
        for name, data in sorted(changes.written.items()):
            (key,) = unit_keys(rollout, [name])
            written[key] = (PART, {"rollout": rollout, "name": name, "data": data})
        gone += unit_keys(rollout, changes.gone)
    return Parts(written=written, gone=gone)


def restore_units(
    live: Mapping[str, LiveRollout], parts: Mapping[str, Body], *, again: bool
) -> None:
    """Give live rollouts back what they knew; `again`: write it all anew with the next changes."""
    known: dict[str, dict[str, bytes]] = {}
    for kind, body in parts.values():
        if kind == PART:
            known.setdefault(body["rollout"], {})[body["name"]] = body["data"]
    for name, rollout in live.items():
        if UnitLedger.of(rollout.spec) is not None:
            rollout.units = UnitLedger.restored(rollout.spec, known.get(name, {}))
            if again:
                rollout.units.store_anew()


def _ledgers(live: Mapping[str, LiveRollout]) -> list[tuple[str, UnitLedger]]:
    found = ((name, rollout.units) for name, rollout in sorted(live.items()))
    return [(name, ledger) for name, ledger in found if ledger is not None]
