"""What a configuration can say, with every default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.settings import SECONDS
from ess_server.core.findings import OnUnsafe
from ess_server.core.model import Action
from ess_server.core.venue_feeds import FeedKind, FeedSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """PEM files of the server, read when it starts.

    Attributes:
        certificate: chain that the server presents.
        key: its private key, without a passphrase.
        client_ca: whose clients are let in; with it every client must present a certificate. Not set, because then
            nobody is locked out in an emergency; whoever reaches the port may stop, and reset.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the server listens and what it promises.

    Attributes:
        listen: host:port; port 0 takes a free one. This machine only, because whoever reaches the port may stop and
            reset; other addresses need ``tls`` or ``insecure``.
        data_dir: where latch, audit log and baselines are kept, and the file ``tripwire`` is looked for. Not set, so
            that a place is chosen, with ``--data-dir`` if not here; ``--ephemeral`` keeps nothing.
        insecure: listen in plain text on an address that others can reach. False, because everybody there could
            reset.
        tls: certificates. Not set, because on this machine alone nothing is on a wire.
        lease: how long a gate goes on without hearing from the server, 200 ms to 2 s. 1 s, four heartbeats: one that is
            lost denies nobody, and a dead server denies everybody within a second.
        heartbeat: between two messages to a gate, 10 ms to a third of ``lease``. 250 ms, so that three may be lost.
            Where that costs more than 0.4 of a core, with some thousand gates, they come more rarely: half of ``lease``
            at most.
        tick: how often everything is evaluated at least, 10 ms to a third of ``lease``. 250 ms, because a gate is told
            nothing newer than the last tick; what is pushed is evaluated at once.
        max_subscribers: gates and watchers connected at once, up to 100000. 0, so that the server measures what a
            heartbeat costs here, and refuses more than it keeps supplied rather than make the others late.
        metrics: count and measure by OpenTelemetry, through the provider that the process was started with, else once
            a minute to stderr. False, because nothing optional runs beside a stop unless asked for.
        expected_subscribers: names of gates that must be there; one that never came is shown as MISSING. None, because
            only you know your engines.
        default_action: of a trigger or tripwire that names none. Flatten, because who cannot spell it out in an
            emergency wants to be out of the market.
        after_stop_grace: how long after a stop an order may still come that was let through before it, at least
            ``lease`` and the 2 s that a request is valid. 5 s, so that clocks and venues have room beyond both.
        quiet_window: how long a venue must show nothing after two clean reads before an account is called FLAT, 1 ms to
            10 minutes. 3 s, because requests are valid for 2 s, and venues tell of fills late.
        on_unsafe: what a start does that finds an account whose stop cannot work, as ``ess doctor`` judges it: warn,
            refuse, or refuse_unknown, which refuses as well where nobody can say. Warn, because a server that is down
            stops nothing, and the other accounts need theirs; a start that finds a stop is never refused.
        examine_within: how long that examination may take, 1 to 30 s. 30 s, because a first import of the exchange
            library takes half of it; only a start that may be refused waits for it.
        day_boundary: time zone whose midnight begins the day of ``max_daily_loss_percent``. UTC, because crypto venues
            count their days by it.
    """

    listen: str = "127.0.0.1:50051"
    data_dir: Path | None = None
    insecure: bool = False
    tls: TlsSettings | None = None
    lease: timedelta = timedelta(seconds=1)
    heartbeat: timedelta = timedelta(milliseconds=250)
    tick: timedelta = timedelta(milliseconds=250)
    max_subscribers: int = 0
    metrics: bool = False
    expected_subscribers: tuple[str, ...] = ()
    default_action: Action = Action.FLATTEN
    after_stop_grace: timedelta = timedelta(seconds=5)
    quiet_window: timedelta = timedelta(seconds=3)
    on_unsafe: OnUnsafe = OnUnsafe.WARN
    examine_within: timedelta = field(default=timedelta(seconds=30), metadata=SECONDS)
    day_boundary: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperEndpoint:
    """A paper venue in place of the real one: every host name of the exchange is led to it."""

    host: str
    port: int
    ca_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingSettings:
    """How positions of an account are closed where "all at market, at once" costs too much.

    Attributes:
        collar_percent: how far below the mark price a sell may go, and a buy above it, above 0 and below 100. Not set,
            because a bound that the market has left closes nothing.
        slices: in how many parts a position is closed, 1 to 100. 1, because a stop is for getting out.
        slice_interval: between two parts, 100 ms to an hour. 5 s, in which a book fills up again.
        market_after: when what is left goes at market, all at once and without a bound, counted from a position's first
            close; up to an hour. 30 s, because what must be out should be out.
    """

    collar_percent: Decimal | None = None
    slices: int = 1
    slice_interval: timedelta = timedelta(seconds=5)
    market_after: timedelta = field(default=timedelta(seconds=30), metadata=SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotSettings:
    """What action flatten sells of a spot account, exchange binance. Of one without this table it sells nothing.

    Attributes:
        sell: assets by the exchange's names, 1 to 20; each needs a pair with ``into``.
        into: what they are sold into. USDT, because most assets have a pair with it.
        keep: how much of an asset stays, as ``{ BTC = "0.5" }``. Nothing, because what is named is to be sold.
    """

    sell: tuple[str, ...]
    into: str = "USDT"
    keep: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """A trading account. Keys stay in their files or environment variables; only their places are named here.

    Attributes:
        id: unique; scope ``account/<id>`` covers it, up to 100 bytes.
        venue: your name for where it is; scope ``venue/<name>`` covers every account of it, up to 100 bytes.
        exchange: ccxt's id, such as binanceusdm; binance is spot alone. docs/venues.md says what is covered on each.
        api_key_file: file with the key. Not set, because the key has one of two places, and never this file.
        secret_file: file with the secret. Not set, as for the key.
        api_key_env: environment variable with the key, in place of the file. Empty, because files can be protected
            better.
        secret_env: environment variable with the secret, in place of the file. Empty, as for the key.
        passphrase_file: file with the passphrase, which okx and a few others want beside key and secret. Not set,
            because most exchanges have none.
        passphrase_env: environment variable with the passphrase, in place of the file. Empty, as for the key.
        equity_poll: how often equity is read, 100 ms to an hour. 1 s, because a loss grows in seconds, and the request
            budget of a venue bears it.
        executions_poll: how often orders and fills are read where an evaluator names the account, 500 ms to a minute;
            0 never. 2 s, because it costs more requests than equity; never where engines report all of them.
        spot: a table for what is sold of a spot account. Not set, because only you know what is to be sold.
        closing: a table for closing within a price bound, or in slices. Not set, because a stop is for getting out.
        dead_man: after how long the venue is to cancel the account's orders by itself when this host is lost; 10 s to 2
            minutes on okx, 1 minute to an hour on kraken and krakenfutures, 10 s to an hour on binanceusdm,
            binancecoinm and hyperliquid, 0 never. 0, because it cancels protective stops too, and closes nothing.
        cancel_protective: whether a stop with action cancel takes protective stops of positions too. False, because
            they are the exits of what stays.
        paper: the paper venue in place of the exchange, as ``{ address = "host:port", ca_file = "..." }``. Not set: the
            account is real.
    """

    id: str
    venue: str
    exchange: str
    api_key_file: Path | None = None
    secret_file: Path | None = None
    api_key_env: str = ""
    secret_env: str = ""
    passphrase_file: Path | None = None
    passphrase_env: str = ""
    equity_poll: timedelta = timedelta(seconds=1)
    executions_poll: timedelta = timedelta(seconds=2)
    spot: SpotSettings | None = None
    closing: ClosingSettings | None = None
    dead_man: timedelta = field(default=timedelta(0), metadata=SECONDS)
    cancel_protective: bool = False
    paper: PaperEndpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Public market data that the venue process reads.

    What is read here is not taken from telemetry as well: two reporters of one feed would make its numbers and times
    run back.

    Attributes:
        name: what data_feed evaluators call it.
        exchange: ccxt's id.
        symbols: 1 to 1000, by ccxt's unified names.
        kind: best bid and ask, or the daily ticker with the last price. Book, because a spread tells more than a last
            price that may be old.
        source: whether the venue is asked or sends. Rest, because it works on every venue, and a stream that hangs
            looks alive.
        poll: how often a rest source is asked, 100 ms to an hour, or as the venue's request limits leave room. 1 s, a
            fifth of the silence that a feed is allowed.
        paper: the paper venue in place of the exchange, as for an account. Not set: the data is real.
    """

    name: str
    exchange: str
    symbols: tuple[str, ...]
    kind: FeedKind = FeedKind.BOOK
    source: FeedSource = FeedSource.REST
    poll: timedelta = timedelta(seconds=1)
    paper: PaperEndpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """How the server's own host is read, for evaluators with limits on it.

    Attributes:
        interval: between two readings, 100 ms to an hour. 1 s, because a disk does not fill in less.
        disk_paths: places beside ``data_dir`` whose file systems are read. None, because only you know what else of
            yours must not fill up.
    """

    interval: timedelta = timedelta(seconds=1)
    disk_paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentTlsSettings:
    """PEM files for one component.

    Attributes:
        ca_file: whoever has signed the component's certificate.
        certificate: what this server shows of itself, if it must. Not set, because few components ask for it.
        key: its private key. Not set, as the certificate.
    """

    ca_file: Path
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSettings:
    """A component that is asked for its health over ``grpc.health.v1``.

    Every evaluator of kind ``system_health`` watches it that has ``others = true`` or names it. It need not be named.

    Attributes:
        name: what people and evaluators call it, 1 to 256 bytes.
        address: host:port; elsewhere than on this machine it needs ``tls``, or ``insecure``.
        service: whose health it is. Empty for that of the component as a whole, which every server answers.
        interval: between two questions, 100 ms to an hour. 1 s, a fifteenth of the silence that is allowed.
        timeout: of one question, 10 ms to ``interval``. 500 ms, much more than a component that is well needs.
        max_silence: how long it may go without an answer, from two intervals and a timeout to a day. 0 for
            that of the evaluator, because most components deserve the same patience.
        insecure: plain text although others may read and forge the answers. False, because a forged answer hides one
            that is true.
        tls: certificates. Not set, because a component on this machine has nothing on a wire.
    """

    name: str
    address: str
    service: str = ""
    interval: timedelta = timedelta(seconds=1)
    timeout: timedelta = timedelta(milliseconds=500)
    max_silence: timedelta = field(default=timedelta(0), metadata=SECONDS)
    insecure: bool = False
    tls: ComponentTlsSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything.

    Attributes:
        installation: name that gates and people see, up to 64 bytes. Empty, because only people need it.
        python_path: directories, after all that is installed, from which evaluators of yours are imported. None,
            because whoever can write there decides what the server runs.
        server: see its table.
        host: see its table.
        accounts: see their tables.
        feeds: see their tables.
        components: see their tables.
        evaluators: see their tables.
    """

    installation: str = ""
    python_path: tuple[Path, ...] = ()
    server: ServerSettings = field(default_factory=ServerSettings)
    host: HostSettings = field(default_factory=HostSettings)
    accounts: tuple[AccountSettings, ...] = ()
    feeds: tuple[FeedSettings, ...] = ()
    components: tuple[ComponentSettings, ...] = ()
    evaluators: tuple[EvaluatorSettings, ...] = ()
