"""The conditions that can stop trading, one file each. Yours needs no line here: docs/add-an-evaluator.md."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

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
    "EvaluatorClass",
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


class EvaluatorClass(Protocol):
    """The class of an evaluator that a configuration can name."""

    @property
    def Settings(self) -> type[EvaluatorSettings]:  # noqa: N802 - it is a class
        """What it is configured with: a frozen dataclass whose fields are the keys of its table."""

    def __call__(self, settings: Any, /) -> EmergencyConditionEvaluator:  # noqa: ANN401 - an instance of ``Settings``
        """Return the evaluator, under the name in its settings. What it raises is a mistake in the configuration."""


EVALUATORS: Mapping[str, EvaluatorClass] = MappingProxyType(
    {
        "manual": ManualEvaluator,
        "drawdown": DrawdownEvaluator,
        "system_health": SystemHealthEvaluator,
        "execution_errors": ExecutionErrorsEvaluator,
        "data_feed": DataFeedEvaluator,
    }
)
"""Those that have a word of their own in the configuration."""
