"""Which file says how davy runs, and what stands in it?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource

from streams.errors import SettingsError
from streams.yaml_lines import compose_file, did_you_mean, entries, plain, where

DEFAULT_CONFIG = Path("davy.yaml")
PREFIX = "DAVY_"


def config_path(flags: Mapping[str, Any]) -> Path | None:
    """The YAML file in force; None if none was named and ./davy.yaml does not exist.

    Raises:
        SettingsError: a file was named that is not there.
    """
    named = flags.get("config") or os.environ.get(f"{PREFIX}CONFIG")
    if not named:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
    path = Path(str(named))
    if not path.is_file():
        source = "--config" if flags.get("config") else f"environment {PREFIX}CONFIG"
        raise SettingsError(f"{source}: there is no file {path}; write one or leave it out")
    return path


class FileSource(InitSettingsSource):
    """davy.yaml as a source of settings; scalars under `kafka` keep their text."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path | None) -> None:
        root = None if path is None else compose_file(path, error=SettingsError)
        values: dict[str, Any] = {}
        if root is not None:
            fields: Mapping[str, FieldInfo] = settings_cls.model_fields
            for key, (at, value) in entries(root, what="the file", error=SettingsError).items():
                if key not in fields or key == "config":
                    hint = did_you_mean(key, fields.keys() - {"config"})
                    raise SettingsError(f"{where(at)}: unknown setting `{key}`; {hint}")
                values[key] = _texts(value) if key == "kafka" else plain(value, error=SettingsError)
        super().__init__(settings_cls, values)


def _texts(node: yaml.Node) -> object:
    """A mapping whose scalars keep their text: a password `0123` or `yes` is what was written."""
    if not isinstance(node, yaml.MappingNode):
        return plain(node, error=SettingsError)
    below = entries(node, what="kafka", error=SettingsError)
    return {key: getattr(value, "value", None) for key, (_, value) in below.items()}
