"""A connection on which a statement fails."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal


class FaultyConnection(sqlite3.Connection):
    """A connection on which one statement fails, before or after it was carried out."""

    statement = ""
    when: Literal["before", "after"] = "before"
    error: BaseException | None = None
    statements: list[str]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Carry out a statement, or fail as told."""
        kind = type(self)
        kind.statements.append(sql)
        if kind.error is not None and sql.startswith(kind.statement):
            if kind.when == "after":
                super().execute(sql, parameters)
            raise kind.error
        return super().execute(sql, parameters)


@contextmanager
def failing(
    connection: type[FaultyConnection],
    statement: str,
    error: BaseException,
    when: Literal["before", "after"] = "before",
) -> Iterator[None]:
    """Let a statement fail on every connection of this type."""
    connection.statement, connection.error, connection.when = statement, error, when
    try:
        yield
    finally:
        connection.error = None
