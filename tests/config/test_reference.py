"""The reference that is made from the code: every setting, with its default and the reason for it."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.config.keys import keys_of
from ess_server.config.reference import TABLES, Row, Table, about, rows
from ess_server.core.evaluators import EvaluatorSettings


@pytest.mark.parametrize("table", TABLES, ids=[table.heading for table in TABLES])
def test_every_setting_says_what_it_is_and_why_its_default_is_that(table: Table) -> None:
    """No key without words, and no default without a reason; who writes the file reads nothing about code."""
    told = rows(table)

    assert all(row.meaning and (row.reason or row.default == "required") for row in told)
    assert about(table)
    assert "Error" not in about(table)


def test_every_key_of_every_table_is_told() -> None:
    """What is shared by all evaluators is told once, tables have tables of their own, and nothing else is left out."""
    shared = {key.name for key in keys_of(EvaluatorSettings)}
    tables = {"server", "host", "tls", "accounts", "spot", "closing", "feeds", "components", "evaluators"}
    for table in TABLES:
        keys = {key.name for key in keys_of(table.settings)}
        left = keys - {row.key for row in rows(table)}

        assert left <= tables or (issubclass(table.settings, EvaluatorSettings) and left <= shared), table


def test_types_units_and_defaults_are_those_of_the_file() -> None:
    """As somebody has to type them."""
    told = {row.key: row for table in TABLES for row in rows(table)}

    assert (told["lease_ms"].kind, told["lease_ms"].default) == ("whole milliseconds", "`1000`")
    assert (told["max_age_seconds"].kind, told["max_age_seconds"].default) == ("seconds", "`15`")
    assert (told["on_unknown"].kind, told["on_unknown"].default) == (
        "`block` or `cancel` or `flatten` or `ignore`",
        '`"block"`',
    )
    assert (told["exchange"].default, told["client_ca"].default, told["scope"].default) == (
        "required",
        "not set",
        "derived",
    )
    assert "a third of `lease_ms`" in told["tick_ms"].meaning


@dataclass(frozen=True)
class Told:
    """A table.

    Attributes:
        silence: how long, 1 s to 5 s; e.g. while ``limit`` is read. 2 s, because
            of reasons.
        limit: how much.
    """

    silence: timedelta = timedelta(seconds=2)
    limit: Decimal = Decimal(1)


@dataclass(frozen=True)
class Untold:
    """A table without words."""

    limit: Decimal


def test_a_setting_without_words_makes_no_reference() -> None:
    """Neither one that is not told of, nor a default without its reason."""
    with pytest.raises(LookupError, match="Untold: the docstring has no entry for limit"):
        rows(Table("t", Untold))
    with pytest.raises(LookupError, match="Told: the docstring does not say why limit has its default"):
        rows(Table("t", Told))


@dataclass(frozen=True)
class Whole:
    """A table.

    Attributes:
        silence: how long, 1 s to 5 s; e.g. while ``silence`` lasts. 2 s, because
            of reasons.
    """

    silence: timedelta = timedelta(seconds=2)


def test_the_first_sentence_is_the_meaning_and_the_rest_the_reason() -> None:
    """Over line breaks and abbreviations, with fields under the names of their keys."""
    assert rows(Table("t", Whole)) == [
        Row(
            key="silence_ms",
            kind="whole milliseconds",
            default="`2000`",
            meaning="how long, 1 s to 5 s; e.g. while `silence_ms` lasts",
            reason="2 s, because of reasons.",
        )
    ]
