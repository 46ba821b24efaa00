"""Reads the configuration file once, into frozen settings, and names every mistake in it."""

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ess_server.config import account_checks, checks, kinds, values
from ess_server.config.feeds import feed_mistakes, watching_mistakes
from ess_server.config.health import (
    MOST_COMPONENTS,
    component_mistakes,
    host_age_mistakes,
    host_mistakes,
    unwatched_mistake,
)
from ess_server.config.positions import key_lines, line_of
from ess_server.config.problems import ConfigError, Mistake, Place, Problem
from ess_server.config.settings import (
    AccountSettings,
    ComponentSettings,
    FeedSettings,
    HostSettings,
    ServerSettings,
    Settings,
)
from ess_server.config.structure import TableReader
from ess_server.core.evaluators import EVALUATORS, EvaluatorSettings, SystemHealthSettings

MAX_BYTES = 1_048_576
MAX_INSTALLATION_BYTES = 64
TOP_LEVEL = ("installation", "python_path", "server", "host", "accounts", "feeds", "components", "evaluators")

_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)|\(at end of document\)")

__all__ = ["ConfigError", "Problem", "load"]


def load(
    path: Path,
    check: Callable[[Settings], Iterable[Mistake]] = lambda _: (),
    *,
    only: Collection[str] = (),
) -> Settings:
    """Return the settings in the TOML file ``path``; relative paths in it start at its directory.

    ``check`` is asked about settings without a mistake of their own. With ``only`` nothing but these names of the top
    level is looked at, and the rest is as if it were not there. Raises ConfigError with every mistake, each with
    its line. Secrets are named by place and never read.
    """
    text = _text_of(path)
    document = _parse(path, text)
    if only:
        document = {name: value for name, value in document.items() if name in only}
    draft = _Draft(TableReader(path.absolute().parent), document)
    settings = draft.settings()
    if not draft.mistakes:
        draft.mistakes += check(settings)
    if draft.mistakes:
        lines = key_lines(text)
        found = [Problem(file=str(path), line=line_of(m.path, lines), key=_key(m), text=m.text) for m in draft.mistakes]
        raise ConfigError(sorted(found, key=lambda p: p.line))
    return settings


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _unreadable(path, f"is larger than {MAX_BYTES} bytes; is it the right file?")
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8 text; is it the right file?") from None
    except OSError as error:
        raise _unreadable(path, f"cannot be read ({error.strerror}); name a TOML file") from None


def _unreadable(path: Path, text: str) -> ConfigError:
    return ConfigError([Problem(file=str(path), line=0, key="", text=text)])


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=values.parse_float)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _AT_LINE.search(str(error))
        line = int(place[1] or text.count("\n") + 1) if place else 0
        what = _AT_LINE.sub("", str(error)).strip()
        problem = Problem(file=str(path), line=line, key="", text=f"is not TOML: {what}; mend this line first")
        raise ConfigError([problem]) from None


def _key(mistake: Mistake) -> str:
    return ".".join(str(part) for part in mistake.path if not isinstance(part, int))


@dataclass(slots=True)
class _Draft:
    """A document on its way to settings, with what was found wrong so far."""

    reader: TableReader
    document: dict[str, Any]
    mistakes: list[Mistake] = field(default_factory=list)

    def settings(self) -> Settings:
        """Read everything; the result counts only if there are no mistakes."""
        for name in self.document:
            if name not in TOP_LEVEL:
                self.mistakes.append(Mistake((name,), f"unknown key; {values.did_you_mean(name, list(TOP_LEVEL))}"))
        accounts, python_path = tuple(self._accounts()), self._python_path()
        kinds.extend_path(python_path)
        feeds, host = tuple(self._feeds()), self._host()
        evaluators = tuple(self._evaluators(feeds, host))
        return Settings(
            installation=self._installation(),
            python_path=python_path,
            server=self._server(),
            host=host,
            accounts=accounts,
            feeds=feeds,
            components=tuple(self._components(evaluators)),
            evaluators=evaluators,
        )

    def _installation(self) -> str:
        try:
            name = values.text(self.document.get("installation", ""))
        except values.ValueMistakeError as error:
            self.mistakes.append(Mistake(("installation",), str(error)))
            return ""
        if len(name.encode()) > MAX_INSTALLATION_BYTES:
            self.mistakes.append(Mistake(("installation",), f"is longer than {MAX_INSTALLATION_BYTES} bytes"))
        return name

    def _python_path(self) -> tuple[Path, ...]:
        try:
            named = values.texts(self.document.get("python_path", []))
            found = tuple(self.reader.path(one) for one in named)
        except values.ValueMistakeError as error:
            self.mistakes.append(Mistake(("python_path",), str(error)))
            return ()
        wrong = list(checks.directory_mistakes(found))
        self._add(("python_path",), iter(wrong), set())
        return () if wrong else found

    def _server(self) -> ServerSettings:
        server, mistakes = self.reader.read(self.document.get("server", {}), ServerSettings, ("server",))
        self.mistakes += mistakes
        server = server or ServerSettings()
        self._add(("server",), checks.server_mistakes(server), {m.path for m in mistakes})
        return server

    def _host(self) -> HostSettings:
        host, mistakes = self.reader.read(self.document.get("host", {}), HostSettings, ("host",))
        self.mistakes += mistakes
        host = host or HostSettings()
        self._add(("host",), host_mistakes(host), {m.path for m in mistakes})
        return host

    def _accounts(self) -> Iterator[AccountSettings]:
        for at, table in self._tables("accounts"):
            account, mistakes = self.reader.read(table, AccountSettings, at)
            self.mistakes += mistakes
            if account:
                self._add(at, account_checks.account_mistakes(account), {m.path for m in mistakes})
                yield account
        for place, name in checks.repeated_at(self._named("accounts", "id")):
            self.mistakes.append(Mistake(("accounts", place, "id"), f'"{name}" is another account already'))

    def _feeds(self) -> Iterator[FeedSettings]:
        for at, table in self._tables("feeds"):
            feed, mistakes = self.reader.read(table, FeedSettings, at)
            self.mistakes += mistakes
            if feed:
                self._add(at, feed_mistakes(feed), {m.path for m in mistakes})
                yield feed
        for place, name in checks.repeated_at(self._named("feeds", "name")):
            self.mistakes.append(Mistake(("feeds", place, "name"), f'"{name}" is another feed already'))

    def _components(self, evaluators: Sequence[EvaluatorSettings]) -> Iterator[ComponentSettings]:
        health = [e for e in evaluators if isinstance(e, SystemHealthSettings)]
        # An evaluator that could not be read might have watched it.
        complete = len(evaluators) == len(self._named("evaluators", "kind"))
        for at, table in self._tables("components"):
            component, mistakes = self.reader.read(table, ComponentSettings, at)
            self.mistakes += mistakes
            if component:
                watching = [e for e in health if e.watches(component.name)]
                but = {m.path for m in mistakes}
                self._add(at, component_mistakes(component, watching), but)
                if complete:
                    self._add(at, unwatched_mistake(watching), but)
                yield component
        for place, name in checks.repeated_at(self._named("components", "name")):
            self.mistakes.append(Mistake(("components", place, "name"), f'"{name}" is another component already'))
        if len(self._named("components", "name")) > MOST_COMPONENTS:
            detail = f"there are more than {MOST_COMPONENTS}; let some of them report by themselves"
            self.mistakes.append(Mistake(("components",), detail))

    def _evaluators(self, feeds: Sequence[FeedSettings], host: HostSettings) -> Iterator[EvaluatorSettings]:
        names: list[str | None] = []
        accounts = [a for a in self._named("accounts", "id") if a is not None]
        venues = [v for v in self._named("accounts", "venue") if v is not None]
        for (at, table), named in zip(self._tables("evaluators"), self._named("evaluators", "account"), strict=True):
            evaluator, mistakes = self._evaluator(at, table)
            self.mistakes += mistakes
            but = {m.path for m in mistakes}
            self._add(at, checks.account_mistake(named, accounts), but)
            names.append(evaluator.name if evaluator else None)
            if evaluator:
                self._add(at, checks.member_mistakes(evaluator, accounts), but)
                self._add(at, watching_mistakes(evaluator, feeds), but)
                self._add(at, host_age_mistakes(evaluator, host), but)
                # A scope that is not written follows from the account, and so do its mistakes.
                if isinstance(table, dict) and "scope" in table:
                    self._add(at, checks.scope_mistake(evaluator.scope, named, accounts, venues), but)
                yield evaluator
        for place, name in checks.repeated_at(names):
            detail = f'"{name}" is the name of another evaluator already; give this one a name of its own'
            self.mistakes.append(Mistake(("evaluators", place, "name"), detail))

    def _evaluator(self, at: Place, table: object) -> tuple[EvaluatorSettings | None, list[Mistake]]:
        if not isinstance(table, dict):
            return self.reader.read(table, EvaluatorSettings, at)
        if "kind" not in table:
            return None, [Mistake((*at, "kind"), f"is missing; write one of {', '.join(EVALUATORS)}")]
        try:
            evaluator = kinds.find(table["kind"])
        except values.ValueMistakeError as error:
            return None, [Mistake((*at, "kind"), str(error))]
        settings, mistakes = self.reader.read(table, evaluator.Settings, at)
        if settings and not mistakes:
            try:
                kinds.build(settings)
            except values.ValueMistakeError as error:
                mistakes.append(Mistake((*at, "kind"), str(error)))
        return settings, mistakes

    def _tables(self, name: str) -> Iterator[tuple[Place, object]]:
        tables = self.document.get(name, [])
        if not isinstance(tables, list):
            self.mistakes.append(Mistake((name,), f"expected tables headed [[{name}]], with two brackets"))
            return
        for place, table in enumerate(tables):
            yield (name, place), table

    def _named(self, tables: str, key: str) -> list[str | None]:
        """Return what every table of an array has under ``key``, also where the rest of the table is mistaken."""
        found = self.document.get(tables, [])
        named = [t.get(key) if isinstance(t, dict) else None for t in (found if isinstance(found, list) else [])]
        return [n if isinstance(n, str) else None for n in named]

    def _add(self, at: Place, found: Iterator[Mistake], but: set[Place]) -> None:
        """Add mistakes of the table ``at``, save those that follow from one that is known already."""
        placed = [replace(m, path=(*at, *m.path)) for m in found]
        self.mistakes += [m for m in placed if m.path not in but]
