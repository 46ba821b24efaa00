"""Several calls at once: what is shared, and what nobody can take from the others."""

import asyncio

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.venue.calls import Shared, all_of


class Endpoint:
    """Counts its calls; each ends when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun = asyncio.Event()
        self.answer = asyncio.Event()

    async def __call__(self) -> int:
        """Return the number of the call; only the first ends well."""
        self.calls += 1
        self.begun.set()
        number = self.calls
        await self.answer.wait()
        if number > 1:
            raise ValueError("gone")
        return number


async def test_who_asks_before_it_begins_shares_a_call() -> None:
    """Two who ask together cause one call; one who asks when it has begun gets a later one."""
    endpoint = Endpoint()
    shared = Shared(endpoint)
    first, second = asyncio.create_task(shared()), asyncio.create_task(shared())
    await endpoint.begun.wait()
    third = asyncio.create_task(shared())
    endpoint.answer.set()

    assert (await first, await second) == (1, 1)
    with pytest.raises(ValueError, match="gone"):
        await third
    assert endpoint.calls == 2


async def test_who_gives_up_takes_it_from_nobody() -> None:
    """A cancelled caller leaves the call to the others, and one that nobody waits for any more complains to nobody."""
    endpoint = Endpoint()
    shared = Shared(endpoint)
    impatient, patient = asyncio.create_task(shared()), asyncio.create_task(shared())
    await endpoint.begun.wait()
    impatient.cancel()
    await asyncio.wait({impatient})
    endpoint.answer.set()

    assert impatient.cancelled()
    assert await patient == 1


async def test_one_part_that_is_too_small_makes_no_dust_of_the_whole() -> None:
    """Only a close each part of which is too small is: of the others nobody knows yet whether they were filled."""

    async def taken() -> None:
        """An order that the exchange takes."""

    async def small() -> None:
        raise BelowMinimumError("too small")

    with pytest.raises(VenueUnknownError, match="1 of 2 close requests were too small"):
        await all_of([taken(), small()], "close")
    with pytest.raises(BelowMinimumError):
        await all_of([small(), small()], "close")


async def test_words_of_other_peoples_exceptions_are_not_passed_on() -> None:
    """An error that is not ours may hold a request with its key: only its type is shown."""

    async def fails(error: Exception) -> None:
        raise error

    with pytest.raises(VenueUnknownError, match="2 of 2 close requests failed, the first: RuntimeError") as caught:
        await all_of([fails(RuntimeError("apiKey=k")), fails(VenueUnknownError("busy"))], "close")
    assert "apiKey" not in str(caught.value)
