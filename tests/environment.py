"""How does a process get the settings of a test? As variables of its environment."""

from __future__ import annotations

from streams.settings import Settings

SECTIONS = frozenset({"kafka", "registry", "signing", "http", "notify"})
"""Settings of several words; what a test wants of these it adds in davy's own words."""


def environment_of(settings: Settings) -> dict[str, str]:
    """What differs from the defaults, outside of sections: `DAVY_BOOTSTRAP`, `DAVY_PREFIX` ..."""
    fields = settings.model_dump(exclude_defaults=True, exclude=SECTIONS)
    return {f"DAVY_{name.upper()}": str(value) for name, value in fields.items()}
