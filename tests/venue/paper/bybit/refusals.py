"""What ccxt makes of a refusal."""

from typing import Any

import ccxt
import pytest


async def refused(step: Any, kind: type[Exception], code: int) -> None:
    """Require exactly this class of ccxt for exactly this code."""
    with pytest.raises(ccxt.BaseError) as info:
        await step
    assert type(info.value) is kind, info.value
    assert f'"retCode":{code},' in str(info.value), info.value
