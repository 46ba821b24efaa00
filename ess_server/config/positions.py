"""Finds the lines on which the keys of a TOML document stand; its parser does not tell."""

import re

from ess_server.config.problems import Place

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*("(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_VALUE_PART = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[{]|[\]}]|\n|[^"'#\[\]{}\n]+''',
    re.DOTALL,
)


def key_lines(text: str) -> dict[Place, int]:
    """Return the line, from 1, of every table and key outside inline tables. ``text`` must be valid TOML."""
    return _Scan(text).run()


def line_of(path: Place, lines: dict[Place, int]) -> int:
    """Return the line of ``path`` or else of the closest thing around it, 1 if there is nothing."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scan:
    """One pass through a document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._lines: dict[Place, int] = {}
        self._tables: dict[Place, int] = {}
        """Position of the newest table of each array of tables."""

    def run(self) -> dict[Place, int]:
        table: Place = ()
        while self._take(_BLANK) is not None and self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
                self._note(table)
            else:
                self._note(self._resolve(table, self._key()))
                self._skip_value()
        return self._lines

    def _header(self) -> Place:
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        parts = self._key()
        self._at += 2 if array else 1
        if not array:
            return self._resolve((), parts)
        path = (*self._resolve((), parts[:-1]), parts[-1])
        self._tables[path] = self._tables.get(path, -1) + 1
        return (*path, self._tables[path])

    def _resolve(self, table: Place, parts: list[str]) -> Place:
        path = table
        for part in parts:
            path = (*path, part)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path

    def _key(self) -> list[str]:
        parts = []
        while part := self._take(_KEY_PART):
            parts.append(part.strip().strip("\"'"))
            if self._text[self._at : self._at + 1] != ".":
                break
            self._at += 1
        return parts

    def _skip_value(self) -> None:
        depth = 0
        while part := self._take(_VALUE_PART):
            depth += (part in "[{") - (part in "]}")
            if part == "\n" and not depth:
                return

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        self._line += found.group().count("\n")
        return found.group()

    def _note(self, path: Place) -> None:
        # A value's line break is taken after its key was noted, so the line is still the key's.
        for end in range(1, len(path) + 1):
            self._lines.setdefault(path[:end], self._line)
