"""Findings on the API key of an account. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ess_server.core.examination import Examination, Topic
from ess_server.core.findings import Finding, Grade, found, unknown

EXPIRES_SOON = timedelta(days=14)
"""Long enough to make a new key in working hours, holidays included."""


def about_key(seen: Examination, now: datetime) -> Iterator[Finding]:
    """Yield whether the key works, and what it may do."""
    yield _valid(seen)
    if seen.key.valid is False:
        return
    yield _trading(seen)
    yield _withdrawal(seen)
    yield _address(seen)
    yield _expiry(seen, now)


def _valid(seen: Examination) -> Finding:
    if seen.key.valid is False:
        words = f"the venue refuses the key: {seen.key.refused}"
        remedy = "look at the key on the venue's page: its address list, its market, whether it was deleted"
        return found(seen, Topic.KEY, Grade.UNSAFE, words, f"{remedy}; then ess doctor")
    if seen.key.valid is None:
        # Nothing else was read with it either.
        return unknown(seen, Topic.KEY) or found(
            seen, Topic.KEY, Grade.UNKNOWN, "nothing was read with the key", "ask again: ess doctor"
        )
    return found(seen, Topic.KEY, Grade.OK, "the venue takes the key")


def _trading(seen: Examination) -> Finding:
    if seen.key.may_trade is False:
        remedy = "give the key the right to trade contracts on the venue's page"
        words = "the key may not trade here: nothing can be cancelled or closed with it"
        return found(seen, Topic.TRADING, Grade.UNSAFE, words, remedy)
    if seen.key.may_trade is None:
        remedy = "look at the key on the venue's page"
        return unknown(seen, Topic.TRADING) or _untold(seen, Topic.TRADING, "whether the key may trade", remedy)
    return found(seen, Topic.TRADING, Grade.OK, "the key may trade")


def _withdrawal(seen: Examination) -> Finding:
    if seen.key.may_withdraw:
        words = "the key may withdraw, which a stop never needs: who steals it takes the money"
        return found(seen, Topic.WITHDRAWAL, Grade.WARN, words, "take the right to withdraw from the key")
    if seen.key.may_withdraw is None:
        remedy = "look at the key on the venue's page: it must not have the right to withdraw"
        return unknown(seen, Topic.WITHDRAWAL) or _untold(
            seen, Topic.WITHDRAWAL, "whether the key may withdraw", remedy
        )
    return found(seen, Topic.WITHDRAWAL, Grade.OK, "the key may not withdraw")


def _address(seen: Examination) -> Finding:
    if seen.key.bound is False:
        words = "the key works from any address"
        return found(
            seen, Topic.ADDRESS, Grade.WARN, words, "bind the key to this machine's address on the venue's page"
        )
    if seen.key.bound is None:
        remedy = "look at the key on the venue's page: it should be bound to this machine's address"
        return unknown(seen, Topic.ADDRESS) or _untold(
            seen, Topic.ADDRESS, "whether the key is bound to addresses", remedy
        )
    return found(seen, Topic.ADDRESS, Grade.OK, "the key is bound to addresses, and this one is among them")


def _expiry(seen: Examination, now: datetime) -> Finding:
    expires = seen.key.expires
    if expires is None:
        if seen.key.never_expires:
            return found(seen, Topic.EXPIRY, Grade.OK, "the key does not expire")
        remedy = "look at the key on the venue's page; several venues end keys without an address list by themselves"
        return unknown(seen, Topic.EXPIRY) or _untold(seen, Topic.EXPIRY, "whether the key expires", remedy)
    remedy = "make a new key, put it into the same files, and delete the old one"
    words = f"{expires:%Y-%m-%d %H:%M} UTC"
    if expires <= now:
        return found(seen, Topic.EXPIRY, Grade.UNSAFE, f"the key, or its right to trade, ended at {words}", remedy)
    grade = Grade.WARN if expires - now < EXPIRES_SOON else Grade.OK
    why = remedy if grade is Grade.WARN else ""
    return found(seen, Topic.EXPIRY, grade, f"the key, or its right to trade, ends at {words}", why)


def _untold(seen: Examination, topic: Topic, what: str, remedy: str) -> Finding:
    return found(seen, topic, Grade.INFO, f"the venue does not tell {what}", remedy)
