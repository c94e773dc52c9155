"""What would Kayenta say? Its judge (NetflixACAJudge-v1.0), answer for answer, run beside davy's.

Source: Spinnaker Kayenta, Apache License 2.0, Netflix; its rules, written anew.
"""

from streams.judge.kayenta.canary import judge_canary
from streams.judge.kayenta.facts import CanaryResult, MetricResult

__all__ = ["CanaryResult", "MetricResult", "judge_canary"]
