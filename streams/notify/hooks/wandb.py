"""Keep how a rollout ended as a run at Weights & Biases; offline where no key is given.

The run's id is the notice's key, so that a notice that comes twice is one run.
https://docs.wandb.ai/ref/python/init
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.errors import SettingsError
from streams.extras import lacking
from streams.notify.facts import Notice
from streams.notify.secrets import secret_of
from streams.notify.words import as_record, title
from streams.notify_settings import WandbHook

LONGEST_ID = 64


class Wandb:
    """A hook of kind `wandb`."""

    def __init__(self, name: str, options: WandbHook) -> None:
        """Raise SettingsError where W&B is not installed, or key or folder cannot be had."""
        try:
            import wandb  # noqa: PLC0415 - an extra, and slow to import
        except ModuleNotFoundError as missing:
            raise SettingsError(lacking(str(missing.name), "wandb")) from missing
        self._wandb: Any = wandb
        self._options = options
        setting = f"notify.hooks.{name}"
        self._key = secret_of(f"{setting}.api_key", options.api_key) if options.api_key else None
        try:
            Path(options.folder).mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            raise SettingsError(f"{setting}.folder: {failure}; name one to write to") from failure

    def tell(self, notice: Notice) -> None:
        """See Hook."""
        options, told = self._options, as_record(notice)["data"]
        settings = self._wandb.Settings(
            api_key=self._key,
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
        )
        run = self._wandb.init(
            project=options.project,
            entity=options.entity,
            id=notice.key[:LONGEST_ID],
            name=title(notice),
            group=notice.subject.rollout,
            job_type="rollout",
            tags=[str(notice.transition)],
            config=told,
            dir=options.folder,
            mode="offline" if self._key is None else "online",
            resume=None if self._key is None else "allow",
            settings=settings,
        )
        run.log({f"share_bp/{arm}": share for arm, share in notice.shares_bp.items()})
        run.summary.update({"outcome": str(notice.transition), "reason": notice.code})
        run.finish()

    def close(self) -> None:
        """See Hook."""
        self._wandb.teardown()
