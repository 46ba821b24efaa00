"""The conditions that can stop trading, one file each. To add one: a file, and a line in ``EVALUATORS``."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ess_server.core.evaluators.data_feed import DataFeedEvaluator, DataFeedSettings
from ess_server.core.evaluators.drawdown import DrawdownEvaluator, DrawdownSettings
from ess_server.core.evaluators.execution_errors import ExecutionErrorsEvaluator, ExecutionErrorsSettings
from ess_server.core.evaluators.manual import ManualEvaluator, ManualSettings
from ess_server.core.evaluators.settings import EvaluatorSettings, Mode, OnUnknown
from ess_server.core.evaluators.system_health import SystemHealthEvaluator, SystemHealthSettings
from ess_server.core.ports import EmergencyConditionEvaluator

__all__ = [
    "EVALUATORS",
    "DataFeedEvaluator",
    "DataFeedSettings",
    "DrawdownEvaluator",
    "DrawdownSettings",
    "EvaluatorKind",
    "EvaluatorSettings",
    "ExecutionErrorsEvaluator",
    "ExecutionErrorsSettings",
    "ManualEvaluator",
    "ManualSettings",
    "Mode",
    "OnUnknown",
    "SystemHealthEvaluator",
    "SystemHealthSettings",
]


class EvaluatorKind(NamedTuple):
    """One kind: its word in the configuration, what it is configured with, and what builds it from that."""

    kind: str
    settings: type[EvaluatorSettings]
    build: Callable[[Any], EmergencyConditionEvaluator]


EVALUATORS = (
    EvaluatorKind("manual", ManualSettings, ManualEvaluator.from_settings),
    EvaluatorKind("drawdown", DrawdownSettings, DrawdownEvaluator.from_settings),
    EvaluatorKind("system_health", SystemHealthSettings, SystemHealthEvaluator),
    EvaluatorKind("execution_errors", ExecutionErrorsSettings, ExecutionErrorsEvaluator),
    EvaluatorKind("data_feed", DataFeedSettings, DataFeedEvaluator),
)
