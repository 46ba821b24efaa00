"""What a configuration can say, with every default."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.settings import SECONDS
from ess_server.core.model import Action
from ess_server.core.venue_feeds import FeedKind, FeedSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """PEM files of the server; with ``client_ca`` every client must present a certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the server listens and what it promises.

    ``data_dir`` None keeps nothing (``--ephemeral``). ``lease`` is 200 ms to 2 s; ``heartbeat`` and ``tick``
    are at most a third of it. ``after_stop_grace``, at least a lease and the 2 s that a request is valid, is how long
    after a stop an order may still come that was let through before it. ``metrics`` counts and measures by OpenTelemetry: through the provider that the
    process was started with, else once a minute to stderr.
    """

    listen: str = "127.0.0.1:50051"
    data_dir: Path | None = None
    insecure: bool = False
    tls: TlsSettings | None = None
    lease: timedelta = timedelta(seconds=1)
    heartbeat: timedelta = timedelta(milliseconds=250)
    tick: timedelta = timedelta(milliseconds=250)
    max_subscribers: int = 2000
    metrics: bool = False
    expected_subscribers: tuple[str, ...] = ()
    default_action: Action = Action.FLATTEN
    after_stop_grace: timedelta = timedelta(seconds=5)
    day_boundary: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperEndpoint:
    """A paper venue in place of the real one: every host name of the exchange is led to it."""

    host: str
    port: int
    ca_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """A trading account. Keys stay in their files or environment variables; only their places are named here.

    ``executions_poll`` is how often orders and fills are read from the venue where an evaluator of kind
    ``execution_errors``, or one of your own, names the account; 0 never, as engines may report them all themselves.
    """

    id: str
    venue: str
    exchange: str
    api_key_file: Path | None = None
    secret_file: Path | None = None
    api_key_env: str = ""
    secret_env: str = ""
    equity_poll: timedelta = timedelta(seconds=1)
    executions_poll: timedelta = timedelta(seconds=2)
    paper: PaperEndpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Public market data that the venue process reads, under the ``name`` that data_feed evaluators use.

    ``exchange`` is a ccxt id, and ``symbols``, 1 to 1000, are ccxt's unified ones. ``kind`` is the best bid and ask, or
    the daily ticker with the last price. A ``source`` ``stream`` is sent by the venue; ``rest`` is asked for every
    ``poll``, 100 ms to an hour, or as often as the venue's request limits leave room for. What is read here is not
    taken from telemetry as well: two reporters of one feed would make its numbers and times run back.
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
    """PEM files: whoever has signed the component's certificate, and what this server shows of itself if it must."""

    ca_file: Path
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSettings:
    """A component that is asked for its health over ``grpc.health.v1``.

    Every evaluator of kind ``system_health`` watches it that has ``others = true`` or names it. It need not be named.

    Attributes:
        name: as people and evaluators call it, 1 to 256 bytes.
        address: host:port; elsewhere than on this machine it needs ``tls``, or ``insecure``.
        service: whose health it is; empty for that of the component as a whole, which every server answers.
        interval: between two questions, 100 ms to an hour. 1 s, a fifteenth of the silence that is allowed.
        timeout: of one question, 10 ms to ``interval``. 500 ms, much more than a component that is well needs.
        max_silence: how long it may go without an answer, from two intervals and a timeout to a day; 0 for
            ``max_silence`` of the evaluator, because most components deserve the same patience.
        insecure: plain text although others may read and forge the answers. False, because a forged answer hides one
            that is true.
        tls: None for plain text.
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
        installation: name that gates and people see, up to 64 bytes. None of its own, because only people need it.
        python_path: directories, after all that is installed, from which evaluators of yours are imported. None,
            because whoever can write there decides what the server runs.
        server: see its table.
        host: see its table.
        accounts: see their tables.
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
