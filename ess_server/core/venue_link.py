"""What server and venue process say to each other: one JSON object a line.

Server to venue: the settings once, then ``{"type": "work", "work": {account: {...}}}``, ``{"type": "quiesce", "id",
"accounts", "timeout_s"}``, ``{"type": "look", "id", "account", "timeout_s"}``, ``{"type": "disarm", "id", "accounts",
"timeout_s"}``, and ``alive`` every second where a dead man's switch is to be renewed. Venue to server: ``ready``,
``alive`` (every second), ``progress``, ``equity``, ``executions``, ``executions_read``, ``event``, ``quiesced``,
``looked``, ``armed`` (account, symbols), ``disarmed``, ``fault``. Work carries a generation per account, which its
progress repeats: progress of work that has been replaced is recognised by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from ess_server.core.closing import ClosingRules, read_rules, rules_entry
from ess_server.core.dead_man import DeadMan, dead_man_entry, most_symbols, read_dead_man
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.model import AccountProgress, Action, FlattenStatus, Work
from ess_server.core.readings import EquityReading
from ess_server.core.spot_sale import SpotSale, read_sale, sale_entry
from ess_server.core.venue_feeds import VenueFeed, feed_entry, read_feed_entry
from ess_server.core.venue_wire import LinkError, Message, PaperEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where a key is read from: a private file, or else the environment variable of this name."""

    file: str = ""
    env: str = ""

    def __post_init__(self) -> None:
        if bool(self.file) == bool(self.env):
            raise ValueError("name either a file or an environment variable")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAccount:
    """An account and how to reach it. ``exchange`` is a ccxt id; what has no interval is not polled.

    ``passphrase`` is there where the exchange wants one beside key and secret.
    ``executions_since`` is the venue's time up to which an earlier process has read executions.
    """

    id: str
    venue: str
    exchange: str
    key: KeySource
    secret: KeySource
    passphrase: KeySource | None = None
    paper: PaperEndpoint | None = None
    equity_interval: timedelta | None = None
    executions_interval: timedelta | None = None
    executions_since: datetime | None = None
    closing: ClosingRules = field(default_factory=ClosingRules)
    dead_man: DeadMan | None = None
    spot: SpotSale | None = None


def most_timed(account: VenueAccount, accounts: Sequence[VenueAccount]) -> int | None:
    """Return for how many symbols of one of these accounts its dead man's switch has room, None where it takes all."""
    if account.dead_man is None:
        return None
    place = account.exchange, account.paper
    sharing = sum(a.dead_man is not None and (a.exchange, a.paper) == place for a in accounts)
    return most_symbols(account.exchange, account.dead_man.after, sharing)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """Everything the venue process needs. ``lock_wait`` is how long it waits for an older process to end."""

    accounts: tuple[VenueAccount, ...]
    lock_file: str
    feeds: tuple[VenueFeed, ...] = ()
    lock_wait: timedelta = timedelta(seconds=15)
    flatten: FlattenSettings = field(default_factory=FlattenSettings)


def settings_message(settings: VenueSettings) -> Message:
    """Return the first message of the server. It names key files and variables; it holds no key."""
    return {
        "type": "settings",
        "accounts": [_account_message(a) for a in settings.accounts],
        "feeds": [feed_entry(f) for f in settings.feeds],
        "lock_file": settings.lock_file,
        "lock_wait_s": settings.lock_wait.total_seconds(),
        "flatten": {f"{f.name}_s": getattr(settings.flatten, f.name).total_seconds() for f in fields(FlattenSettings)},
    }


def _account_message(account: VenueAccount) -> Message:
    paper, since = account.paper, account.executions_since
    return {
        "id": account.id,
        "venue": account.venue,
        "exchange": account.exchange,
        "key": _source_entry(account.key),
        "secret": _source_entry(account.secret),
        "passphrase": None if account.passphrase is None else _source_entry(account.passphrase),
        "paper": None if paper is None else {"host": paper.host, "port": paper.port, "ca_file": paper.ca_file},
        "equity_interval_s": _seconds(account.equity_interval),
        "executions_interval_s": _seconds(account.executions_interval),
        "executions_since": None if since is None else since.isoformat(),
        "closing": rules_entry(account.closing),
        "dead_man": dead_man_entry(account.dead_man),
        "spot": None if account.spot is None else sale_entry(account.spot),
    }


def _source_entry(source: KeySource) -> Message:
    return {"file": source.file, "env": source.env}


def _seconds(interval: timedelta | None) -> float | None:
    return None if interval is None else interval.total_seconds()


def _interval(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def read_settings(message: Message) -> VenueSettings:
    """Read the first message. Raises LinkError."""
    try:
        return VenueSettings(
            accounts=tuple(_read_account(a) for a in message["accounts"]),
            feeds=tuple(read_feed_entry(f) for f in message["feeds"]),
            lock_file=message["lock_file"],
            lock_wait=timedelta(seconds=message["lock_wait_s"]),
            flatten=FlattenSettings(
                **{name.removesuffix("_s"): timedelta(seconds=value) for name, value in message["flatten"].items()}
            ),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise LinkError(f"settings: {error!r}") from None


def _read_account(message: Message) -> VenueAccount:
    paper, since, passphrase = message["paper"], message["executions_since"], message["passphrase"]
    spot = message["spot"]
    return VenueAccount(
        id=message["id"],
        venue=message["venue"],
        exchange=message["exchange"],
        key=KeySource(**message["key"]),
        secret=KeySource(**message["secret"]),
        passphrase=None if passphrase is None else KeySource(**passphrase),
        paper=None if paper is None else PaperEndpoint(**paper),
        equity_interval=_interval(message["equity_interval_s"]),
        executions_interval=_interval(message["executions_interval_s"]),
        executions_since=None if since is None else datetime.fromisoformat(since),
        closing=read_rules(message["closing"]),
        dead_man=read_dead_man(message["dead_man"]),
        spot=None if spot is None else read_sale(spot),
    )


def work_message(work: Mapping[str, tuple[int, Work | None]]) -> Message:
    """Return everything that is wanted: generation and work by account id."""
    entries = {
        account: {"generation": generation, "work": None if wanted is None else _work_entry(wanted)}
        for account, (generation, wanted) in work.items()
    }
    return {"type": "work", "work": entries}


def _work_entry(work: Work) -> Message:
    return {
        "stop_id": work.stop_id,
        "action": work.action.name,
        "symbols": [[symbol, action.name] for symbol, action in work.symbols],
        "held": work.held,
    }


def read_work(message: Message) -> dict[str, tuple[int, Work | None]]:
    """Read a ``work`` message. Raises LinkError."""
    try:
        return {account: (e["generation"], _read_work(account, e["work"])) for account, e in message["work"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LinkError(f"work: {error!r}") from None


def _read_work(account: str, entry: Message | None) -> Work | None:
    if entry is None:
        return None
    return Work(
        account=account,
        stop_id=entry["stop_id"],
        action=Action[entry["action"]],
        symbols=tuple((symbol, Action[action]) for symbol, action in entry["symbols"]),
        held=entry["held"],
    )


def progress_message(progress: AccountProgress, generation: int) -> Message:
    """Return the progress of one account under the work of ``generation``."""
    time = progress.read_time
    return {
        "type": "progress",
        "generation": generation,
        "account": progress.account,
        "venue": progress.venue,
        "status": progress.status.name,
        "open_orders": progress.open_orders,
        "open_positions": progress.open_positions,
        "read_time": None if time is None else time.isoformat(),
        "detail": progress.detail,
        "stop_id": progress.stop_id,
    }


def read_progress(message: Message) -> tuple[int, AccountProgress]:
    """Read a ``progress`` message: generation and progress. Raises LinkError."""
    try:
        time = message["read_time"]
        progress = AccountProgress(
            account=message["account"],
            venue=message["venue"],
            status=FlattenStatus[message["status"]],
            open_orders=message["open_orders"],
            open_positions=message["open_positions"],
            read_time=None if time is None else datetime.fromisoformat(time),
            detail=message["detail"],
            stop_id=message["stop_id"],
        )
        return message["generation"], progress
    except (KeyError, TypeError, ValueError) as error:
        raise LinkError(f"progress: {error!r}") from None


def equity_message(
    account: str, amount: Decimal, currency: str, time: datetime, positions: int | None = None
) -> Message:
    """Return one reading of equity, and how many positions it includes."""
    return {
        "type": "equity",
        "account": account,
        "amount": str(amount),
        "currency": currency,
        "time": time.isoformat(),
        "positions": positions,
    }


def read_equity(message: Message, received: float) -> EquityReading:
    """Read an ``equity`` message that arrived at uptime ``received``. Raises LinkError."""
    try:
        return EquityReading(
            account=message["account"],
            amount=Decimal(message["amount"]),
            currency=message["currency"],
            time=datetime.fromisoformat(message["time"]),
            received=received,
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise LinkError(f"equity: {error!r}") from None


def read_open_positions(message: Message) -> int | None:
    """Read how many positions an ``equity`` message includes, None where it does not tell. Raises LinkError."""
    positions = message.get("positions")
    if positions is not None and (not isinstance(positions, int) or positions < 0):
        raise LinkError(f"equity: positions {positions!r:.40}")
    return positions


def read_event(message: Message) -> tuple[str, str, dict[str, str]]:
    """Read an ``event`` message: kind, account and details. Raises LinkError."""
    try:
        return str(message["kind"]), str(message["account"]), {str(k): str(v) for k, v in message["details"].items()}
    except (KeyError, AttributeError) as error:
        raise LinkError(f"event: {error!r}") from None
