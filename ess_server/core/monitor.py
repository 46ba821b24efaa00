"""Watches: reads, evaluates, trips; and proves that the state is current."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ess_server.core.model import Action, Scope
from ess_server.core.readings import EvaluatorStatus, Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorView:
    """One evaluator as people see it. ``tier_percent`` is 0 below every warn tier."""

    name: str
    kind: str
    scope: Scope
    action: Action
    shadow: bool
    status: EvaluatorStatus
    measure: Measure | None
    detail: str
    tier_percent: int
