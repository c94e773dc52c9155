"""Where is a hook's secret? In a file or in the environment, never in the settings themselves."""

from __future__ import annotations

import os

from streams import secret_files
from streams.errors import SettingsError
from streams.notify_settings import ENVIRONMENT


def secret_of(setting: str, where: str) -> str:
    """The secret that `file:PATH` or `env:NAME` names; `setting` is how messages call it.

    Raises:
        SettingsError: it is not there, or nothing is in it.
    """
    if not where.startswith(ENVIRONMENT):
        return secret_files.secret(setting, where)
    name = where.removeprefix(ENVIRONMENT)
    found = os.environ.get(name, "").strip()
    if not found:
        raise SettingsError(f"{setting}: the environment has no {name}, or nothing in it; set it")
    return found
