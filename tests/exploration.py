"""How far properties are explored: a little and always the same way, or with ``ESS_HYPOTHESIS=deep`` far and anew.

A run that anyone can repeat finds the same as the run before; what nobody has thought of yet, ``make deep`` looks for.
"""

import os
from typing import Any

from hypothesis import HealthCheck, settings

DEEP = os.environ.get("ESS_HYPOTHESIS") == "deep"
_TIMES = 15 if DEEP else 1


def explored(examples: int = 100, **others: Any) -> settings:
    """Return settings for so many examples, and many times as many where exploration is deep."""
    return settings(max_examples=examples * _TIMES, **others)


# A busy machine makes an example slow, and that proves nothing about the code.
_ALWAYS: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("the same", derandomize=True, database=None, stateful_step_count=30, **_ALWAYS)
settings.register_profile("deep", max_examples=100 * _TIMES, stateful_step_count=80, print_blob=True, **_ALWAYS)


def choose() -> None:
    """Let every property of the run be explored that way."""
    settings.load_profile("deep" if DEEP else "the same")
