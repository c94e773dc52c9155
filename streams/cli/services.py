"""Which commands run on? What each needs is imported when its settings are known to be right."""

from __future__ import annotations

from streams.cli.common import Bootstrap, Config, Level, Prefix, log_to_stderr, service_settings_of


def worker(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Fold events into panes and judge rollouts; ends gracefully on SIGTERM and Ctrl-C.

    Example: davy worker --config davy.yaml --log-level WARNING
    """
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.agents.worker import run_worker  # noqa: PLC0415 - Faust is slow to import

    run_worker(settings)


def actuator(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Move traffic as decided; ends gracefully on SIGTERM and Ctrl-C.

    Example: davy actuator --config davy.yaml
    """
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.actuator.service import run_actuator  # noqa: PLC0415 - needed here only

    run_actuator(settings)


def notify(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Tell hooks what happens to rollouts; ends gracefully on SIGTERM and Ctrl-C.

    Example: davy notify --config davy.yaml
    """
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.notify.service import run_notify  # noqa: PLC0415 - needed here only

    run_notify(settings)


def verdicts(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Answer Argo Rollouts, Flagger and others over HTTP; ends gracefully on SIGTERM and Ctrl-C.

    Example: davy verdicts --config davy.yaml
    """
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.verdicts.service import run_verdicts  # noqa: PLC0415 - needed here only

    run_verdicts(settings)
