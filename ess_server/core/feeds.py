"""What is remembered of one symbol of a feed, so that a later update hides nothing that an earlier one showed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ess_server.core.readings import FeedUpdate

REMEMBERED = timedelta(minutes=1)
"""How far back the range of prices reaches."""
GRAIN = timedelta(seconds=1)
"""Prices that arrive within this time are remembered as one range, so that a busy symbol costs no more memory."""

_REMEMBERED = REMEMBERED.total_seconds()
_GRAIN = GRAIN.total_seconds()


class PriceRange(NamedTuple):
    """Lowest and highest price of the updates that arrived from uptime ``first`` to ``last``.

    ``low_time`` and ``high_time`` are the times of the last updates that had them, ``opened`` is the first price.
    """

    first: float
    last: float
    low: Decimal
    high: Decimal
    low_time: datetime
    high_time: datetime
    opened: Decimal

    def with_price(self, price: Decimal, update: FeedUpdate) -> "PriceRange":
        """Return the range with the price of one more update."""
        low, low_time = (price, update.time) if price <= self.low else (self.low, self.low_time)
        high, high_time = (price, update.time) if price >= self.high else (self.high, self.high_time)
        return PriceRange(self.first, update.received, low, high, low_time, high_time, self.opened)


@dataclass(frozen=True, slots=True)
class FeedDefect:
    """An update that proves its feed wrong: why, its time, and the uptime of its arrival in seconds."""

    detail: str
    time: datetime
    received: float


@dataclass(frozen=True, slots=True)
class FeedSetback:
    """An update whose time was ``by`` earlier than that of the one before; its time and the uptime of its arrival."""

    by: timedelta
    time: datetime
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTrack:
    """One symbol of a feed.

    Attributes:
        latest: the update that arrived last, as it came.
        sound: the last update that had nothing wrong in itself.
        renewed: uptime at which a price last arrived that was no repetition, in seconds; None before the first.
        defect: the last one: declared corrupt, a price that is not finite or not above zero, a bid above the ask, a
            sequence number that does not rise although the update is another.
        setback: the longest of those within ``REMEMBERED`` of the last.
        last_setback: the last one.
        prices: of sound updates within ``REMEMBERED``, oldest first.
        low: lowest of ``prices``, None without any.
        high: highest of ``prices``, None without any.
        swing: percent from the lowest to the highest, of the lowest; 0 without any.
    """

    latest: FeedUpdate
    sound: FeedUpdate | None = None
    renewed: float | None = None
    defect: FeedDefect | None = None
    setback: FeedSetback | None = None
    last_setback: FeedSetback | None = None
    prices: tuple[PriceRange, ...] = ()
    low: Decimal | None = None
    high: Decimal | None = None
    swing: Decimal = Decimal(0)


def follow(track: FeedTrack | None, update: FeedUpdate) -> FeedTrack:
    """Return the track with one more update.

    A source that has frozen, or a report sent again, repeats an update: the same number and prices, or without
    numbers the same time and prices. A repetition neither renews a symbol nor is a defect.
    """
    track = replace(track, latest=update) if track else FeedTrack(latest=update)
    wrong = wrong_in_itself(update)
    if wrong:
        return replace(track, defect=FeedDefect(wrong, update.time, update.received))
    before = track.sound
    if before is not None and repeats(update, before):
        return track
    track = replace(track, sound=update)
    if before is not None:
        track = _compared(track, before, update)
    price = price_of(update)
    return track if price is None else _priced(track, price, update)


def is_suspect(before: FeedTrack | None, after: FeedTrack) -> bool:
    """Whether the update that made ``after`` of ``before`` may prove the feed wrong.

    It is a defect, or its time went back, or its price is the highest or lowest of the last second: without that it
    is no jump within any longer time.
    """
    if before is None:
        return after.defect is not None
    if after.defect is not before.defect or after.last_setback is not before.last_setback:
        return True
    lately = before.prices[-2:]
    price = price_of(after.sound) if after.sound else None
    if price is None or not lately:
        return False
    return not min(p.low for p in lately) <= price <= max(p.high for p in lately)


def wrong_in_itself(update: FeedUpdate) -> str:
    """Return what proves this update wrong whatever came before, empty for nothing."""
    if update.corrupt:
        return f"declared corrupt{': ' if update.detail else ''}{update.detail[:200]}"
    for name, price in (("bid", update.bid), ("ask", update.ask), ("last", update.last)):
        # Finite first: a signalling NaN raises where it is compared.
        if price is not None and not (price.is_finite() and price > 0):
            return f"{name} {price} is not a price above zero"
    if update.bid is not None and update.ask is not None and not update.bid <= update.ask:
        return f"crossed book: bid {update.bid:f} is above ask {update.ask:f}"
    return ""


def repeats(update: FeedUpdate, before: FeedUpdate) -> bool:
    """Whether this update says nothing that the one before did not; both have nothing wrong in themselves."""
    if (update.bid, update.ask, update.last) != (before.bid, before.ask, before.last):
        return False
    if update.sequence is None:
        return before.sequence is None and update.time == before.time
    return update.sequence == before.sequence


def _compared(track: FeedTrack, before: FeedUpdate, update: FeedUpdate) -> FeedTrack:
    if update.sequence is not None and before.sequence is not None and update.sequence <= before.sequence:
        detail = f"sequence number {update.sequence} came after {before.sequence}"
        track = replace(track, defect=FeedDefect(detail, update.time, update.received))
    by = set_back_by(before, update)
    if by > timedelta(0):
        last = FeedSetback(by, update.time, update.received)
        longest = last if _outweighs(by, update.received, track.setback) else track.setback
        track = replace(track, setback=longest, last_setback=last)
    return track


def set_back_by(before: FeedUpdate, update: FeedUpdate) -> timedelta:
    """Return by how much the source's clock ran back between two updates; 0 where it told no time."""
    return timedelta(0) if before.stamped or update.stamped else before.time - update.time


def _outweighs(by: timedelta, received: float, known: FeedSetback | None) -> bool:
    return known is None or by >= known.by or received - known.received > _REMEMBERED


def price_of(update: FeedUpdate) -> Decimal | None:
    """Return the price of an update that has nothing wrong in itself: the last one, else the middle of the book."""
    if update.last is not None:
        return update.last
    if update.bid is not None and update.ask is not None:
        return (update.bid + update.ask) / 2
    return update.bid or update.ask


def swing_percent(low: Decimal, high: Decimal) -> Decimal:
    """Return the percent from a lower price to a higher one, of the lower."""
    return (high - low) * 100 / low


def _priced(track: FeedTrack, price: Decimal, update: FeedUpdate) -> FeedTrack:
    prices, received = track.prices, update.received
    if prices and received - prices[-1].first < _GRAIN:
        prices = (*prices[:-1], prices[-1].with_price(price, update))
    else:
        kept = tuple(p for p in prices if received - p.last <= _REMEMBERED)
        prices = (*kept, PriceRange(received, received, price, price, update.time, update.time, price))
    low, high = min(p.low for p in prices), max(p.high for p in prices)
    return replace(track, renewed=received, prices=prices, low=low, high=high, swing=swing_percent(low, high))


def jump_time(prices: Sequence[PriceRange], within: Sequence[PriceRange], limit: Decimal) -> datetime:
    """Return the time of the last update that shows a jump of ``limit`` percent or more, which ``within`` holds.

    It is the last one at the end of the jump. Where the price has come back, as after a single wrong one, what
    follows at its old level shows nothing more: ``prices``, all that is remembered, tell which level is the old one.
    """
    low, high = min(p.low for p in within), max(p.high for p in within)
    ends_low = [p.low_time for p in within if swing_percent(p.low, high) >= limit]
    ends_high = [p.high_time for p in within if swing_percent(low, p.high) >= limit]

    def begins_low(one: PriceRange) -> bool | None:
        is_low = swing_percent(min(one.low, high), high) >= limit
        is_high = swing_percent(low, max(one.high, low)) >= limit
        if is_low and is_high:
            return swing_percent(low, max(one.opened, low)) < limit
        return is_low if is_low or is_high else None

    began_low = next(was for was in map(begins_low, prices) if was is not None)
    return (ends_high if began_low else ends_low)[-1]
