"""Keep how a rollout ended as a ClearML task; offline as a session that can be imported.

https://clear.ml/docs/latest/docs/guides/set_offline
"""

from __future__ import annotations

import os
from typing import Any

from streams.errors import SettingsError
from streams.extras import lacking
from streams.notify.facts import Notice
from streams.notify.words import as_record, sentence
from streams.notify_settings import ClearmlHook

IN_THIS_PROCESS = "CLEARML__SDK__DEVELOPMENT__REPORT_USE_SUBPROCESS"
"""It would fork a process that has threads, the Kafka client's too: the child may hang for ever."""

LEFT_ALONE = (
    "detect_repository",
    *("matplotlib", "tensorflow", "tensorboard", "tfdefines", "pytorch", "xgboost", "scikit"),
    *("fastai", "lightgbm", "hydra", "joblib", "megengine", "catboost", "gradio"),
)
"""What ClearML would look into or patch in this process, which is no training."""


class Clearml:
    """A hook of kind `clearml`."""

    def __init__(self, options: ClearmlHook) -> None:
        """Raise SettingsError where ClearML is not installed."""
        os.environ.setdefault(IN_THIS_PROCESS, "false")
        try:
            from clearml import Task  # noqa: PLC0415 - an extra, and slow to import
        except ModuleNotFoundError as missing:
            raise SettingsError(lacking(str(missing.name), "clearml")) from missing
        self._tasks: Any = Task
        self._options = options

    def tell(self, notice: Notice) -> None:
        """See Hook. The key stands among the parameters, to find doubles by."""
        self._tasks.set_offline(offline_mode=self._options.offline)
        task = self._tasks.init(
            project_name=self._options.project,
            task_name=f"{notice.subject.rollout} {notice.transition}",
            task_type=self._tasks.TaskTypes.monitor,
            tags=[str(notice.transition)],
            reuse_last_task_id=False,
            output_uri=False,
            auto_connect_arg_parser=False,
            auto_connect_frameworks=dict.fromkeys(LEFT_ALONE, False),
            auto_resource_monitoring=False,
            auto_connect_streams=False,
        )
        try:
            task.set_parameters_as_dict({"davy": as_record(notice)["data"]})
            task.set_comment(sentence(notice))
            logger = task.get_logger()
            for arm, share in notice.shares_bp.items():
                logger.report_scalar("share_bp", arm, value=share, iteration=notice.seq)
        finally:
            task.close()

    def close(self) -> None:
        """See Hook."""
