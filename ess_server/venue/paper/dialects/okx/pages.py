"""Pages: the newest first, a hundred at most, before or after an id."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from ess_server.venue.paper.dialects.okx.params import Params

T = TypeVar("T")
MAX_PAGE = 100


def page(items: Iterable[T], params: Params, number: Callable[[T], int]) -> list[T]:
    """Return what is older than ``after`` and newer than ``before``, the newest ``limit`` of it."""
    after, before = params.integer("after", 1 << 62), params.integer("before", -1)
    limit = min(params.integer("limit", MAX_PAGE), MAX_PAGE)
    chosen = [item for item in items if before < number(item) < after]
    return sorted(chosen, key=number, reverse=True)[:limit]
