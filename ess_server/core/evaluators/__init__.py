"""The conditions that can stop trading, one file each. To add one: a file, and a line in ``EVALUATORS``."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ess_server.core.evaluators.drawdown import DrawdownEvaluator, DrawdownSettings
from ess_server.core.evaluators.manual import ManualEvaluator, ManualSettings
from ess_server.core.evaluators.settings import EvaluatorSettings, Mode, OnUnknown
from ess_server.core.ports import EmergencyConditionEvaluator

__all__ = [
    "EVALUATORS",
    "DrawdownEvaluator",
    "DrawdownSettings",
    "EvaluatorKind",
    "EvaluatorSettings",
    "ManualEvaluator",
    "ManualSettings",
    "Mode",
    "OnUnknown",
]


class EvaluatorKind(NamedTuple):
    """One kind: its word in the configuration, what it is configured with, and what builds it from that."""

    kind: str
    settings: type[EvaluatorSettings]
    build: Callable[[Any], EmergencyConditionEvaluator]


EVALUATORS = (
    EvaluatorKind("manual", ManualSettings, ManualEvaluator.from_settings),
    EvaluatorKind("drawdown", DrawdownSettings, DrawdownEvaluator.from_settings),
)
