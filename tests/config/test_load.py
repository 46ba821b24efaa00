"""The configuration file: what it may say, and how each mistake in it is named."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.config.load import MAX_BYTES, ConfigError, load
from ess_server.config.settings import PaperEndpoint, ServerSettings, Settings
from ess_server.core.evaluators import DrawdownSettings
from ess_server.core.model import Action, Scope, ScopeKind

EXAMPLE = Path(__file__).parents[2] / "examples" / "ess.toml"

ACCOUNT = """[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_env = "KEY"
secret_env = "SECRET"
"""
DRAWDOWN = """[[evaluators]]
kind = "drawdown"
account = "main"
max_drawdown_percent = 8
"""

ONE_MISTAKE = {
    "unknown key": ("[server]\nlease = 1000", 2, "server.lease", "did you mean lease_ms?"),
    "unknown key without a close one": ("[server]\nzzz = 1", 2, "server.zzz", "known are: listen, data_dir"),
    "unknown table": ("[sever]\nlisten = 'x'", 1, "sever", "did you mean server?"),
    "table of one bracket": ("[accounts]\nid = 'x'", 1, "accounts", "[[accounts]], with two brackets"),
    "server is no table": ("server = 3", 1, "server", "expected a table, found a whole number"),
    "text for a number": ('\n[server]\nlease_ms = "1s"', 3, "server.lease_ms", "expected a whole number"),
    "true for a number": ("[server]\nmax_subscribers = true", 2, "server.max_subscribers", "expected a whole number"),
    "number for a text": ("installation = 3", 1, "installation", "expected a text in quotes"),
    "number for a flag": ("[server]\ninsecure = 0", 2, "server.insecure", "expected true or false"),
    "date for a text": ("[server]\nlisten = 2026-01-01", 2, "server.listen", "found a date"),
    "text for a list": ("[server]\nexpected_subscribers = 'a'", 2, "server.expected_subscribers", 'such as ["a", "b"]'),
    "control character": ('installation = "a\\u001b[31m"', 1, "installation", "control character"),
    "long installation": (f"installation = '{'x' * 65}'", 1, "installation", "longer than 64 bytes"),
    "empty path": ("[server]\ndata_dir = ''", 2, "server.data_dir", "is empty"),
    "no port": ("[server]\nlisten = '127.0.0.1'", 2, "server.listen", "host:port"),
    "port out of range": ("[server]\nlisten = '127.0.0.1:65536'", 2, "server.listen", "port from 0 to 65535"),
    "lease too short": ("[server]\nlease_ms = 199", 2, "server.lease_ms", "200 ms to 2000 ms"),
    "lease too long": ("[server]\nlease_ms = 2001", 2, "server.lease_ms", "200 ms to 2000 ms"),
    "heartbeat too slow": (
        "[server]\nlease_ms = 600\nheartbeat_ms = 201\ntick_ms = 200",
        3,
        "server.heartbeat_ms",
        "a third of lease_ms (200 ms)",
    ),
    "tick of zero": ("[server]\ntick_ms = 0", 2, "server.tick_ms", "10 ms to a third of lease_ms"),
    "grace shorter than an order may be on its way": (
        "[server]\nlease_ms = 2000\nafter_stop_grace_ms = 3999",
        3,
        "server.after_stop_grace_ms",
        "4000 ms (lease_ms, and the 2 s that a request is valid) to 60000 ms",
    ),
    "an examination without end": (
        "[server]\nexamine_within_seconds = 31",
        2,
        "server.examine_within_seconds",
        "31 s is not 1 to 30 s",
    ),
    "no way to take it": ('[server]\non_unsafe = "refuze"', 2, "server.on_unsafe", "did you mean refuse?"),
    "fewer than none": ("[server]\nmax_subscribers = -1", 2, "server.max_subscribers", "0 (measured) to 100000"),
    "too many subscribers": ("[server]\nmax_subscribers = 100001", 2, "server.max_subscribers", "to 100000"),
    "subscriber twice": (
        "[server]\nexpected_subscribers = [\n  'a',\n  'a',\n]",
        2,
        "server.expected_subscribers",
        "listed twice",
    ),
    "subscriber without name": ("[server]\nexpected_subscribers = ['']", 2, "server.expected_subscribers", "128 bytes"),
    "more expected than allowed": (
        "[server]\nmax_subscribers = 1\nexpected_subscribers = ['a', 'b']",
        3,
        "server.expected_subscribers",
        "more than the 1 of max_subscribers",
    ),
    "unknown action": ("[server]\ndefault_action = 'FLATTEN'", 2, "server.default_action", "did you mean flatten?"),
    "unknown zone": ("[server]\nday_boundary = 'Mars/Base'", 2, "server.day_boundary", "such as Europe/Berlin"),
    "incomplete TLS": ("[server.tls]\ncertificate = 'a'", 1, "server.tls.key", "is missing"),
    "unknown TLS key": (
        "[server.tls]\ncertificate = 'a'\nkey = 'b'\nca = 'c'",
        4,
        "server.tls.ca",
        "known are: certificate, key, client_ca",
    ),
    "missing account field": (ACCOUNT.replace('venue = "binance"\n', ""), 1, "accounts.venue", "is missing"),
    "key in file and environment": (
        ACCOUNT + "api_key_file = 'k'",
        7,
        "accounts.api_key_file",
        "beside api_key_env; keep one",
    ),
    "key nowhere": (
        ACCOUNT.replace('secret_env = "SECRET"\n', ""),
        1,
        "accounts.secret_file",
        "say where the key is kept",
    ),
    "passphrase missing where the exchange has one": (
        ACCOUNT.replace("binanceusdm", "okx"),
        1,
        "accounts.passphrase_file",
        "say where the key is kept",
    ),
    "passphrase in file and environment": (
        ACCOUNT.replace("binanceusdm", "okx") + "passphrase_env = 'P'\npassphrase_file = 'p'",
        8,
        "accounts.passphrase_file",
        "beside passphrase_env; keep one",
    ),
    "passphrase where the exchange has none": (
        ACCOUNT + "passphrase_env = 'P'",
        7,
        "accounts.passphrase_env",
        'API keys of "binanceusdm" have no passphrase',
    ),
    "timer where it is false safety": (
        ACCOUNT.replace("binanceusdm", "bybit") + "dead_man_seconds = 60",
        7,
        "accounts.dead_man_seconds",
        "is false safety on bybit",
    ),
    "timer where there is none": (
        ACCOUNT.replace("binanceusdm", "coinbase") + "dead_man_seconds = 60",
        7,
        "accounts.dead_man_seconds",
        "there is no such timer for coinbase here, but for binanceusdm",
    ),
    "timer out of the venue's range": (
        ACCOUNT.replace("binanceusdm", "kraken") + "dead_man_seconds = 30",
        7,
        "accounts.dead_man_seconds",
        "30 is not a whole number of 60 to 3600 on kraken",
    ),
    "timer of half seconds": (
        ACCOUNT + "dead_man_seconds = 30.5",
        7,
        "accounts.dead_man_seconds",
        "not a whole number",
    ),
    "key in place of its variable": (
        ACCOUNT.replace('"KEY"', '"vmPUZE6mv9SD5VNHk4-xx"'),
        5,
        "accounts.api_key_env",
        "do not write the key itself",
    ),
    "key of letters and digits in place of its variable": (
        ACCOUNT.replace('"SECRET"', '"bg_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF"'),
        6,
        "accounts.secret_env",
        "looks like the key itself",
    ),
    "exchange that ccxt cannot name": (
        ACCOUNT.replace("binanceusdm", "Binance USDM"),
        4,
        "accounts.exchange",
        "exchange id of ccxt",
    ),
    "empty account id": (ACCOUNT.replace('"main"', '""'), 2, "accounts.id", "1 to 100 bytes"),
    "poll too fast": (ACCOUNT + "equity_poll_ms = 99", 7, "accounts.equity_poll_ms", "100 ms to"),
    "executions read too often": (
        ACCOUNT + "executions_poll_ms = 499",
        7,
        "accounts.executions_poll_ms",
        "0 (never) or",
    ),
    "executions read too rarely": (
        ACCOUNT + "executions_poll_ms = 60001",
        7,
        "accounts.executions_poll_ms",
        "60000 ms",
    ),
    "paper without port": (
        ACCOUNT + "paper = { address = 'localhost:0', ca_file = 'ca' }",
        7,
        "accounts.paper.address",
        "not 0",
    ),
    "paper address": (
        ACCOUNT + "paper = { address = 'localhost', ca_file = 'ca' }",
        7,
        "accounts.paper.address",
        "host:port",
    ),
    "unknown paper key": (
        ACCOUNT + "[accounts.paper]\naddress = '[::1]:1'\nca_file = 'ca'\nca = 'x'",
        10,
        "accounts.paper.ca",
        "did you mean ca_file?",
    ),
    "account twice": (ACCOUNT + ACCOUNT, 8, "accounts.id", "another account already"),
    "evaluator without kind": ("[[evaluators]]\nname = 'x'", 1, "evaluators.kind", "write one of manual, drawdown"),
    "unknown kind": ("[[evaluators]]\nkind = 'drawdawn'", 2, "evaluators.kind", "did you mean drawdown?"),
    "kind is a list": ("[[evaluators]]\nkind = []", 2, "evaluators.kind", "is no kind of evaluator"),
    "key of another kind": ("[[evaluators]]\nkind = 'manual'\naccount_ = 'x'", 3, "evaluators.account_", "unknown key"),
    "unknown account": (DRAWDOWN, 3, "evaluators.account", 'no account "main"; configured are: none'),
    "unknown account in a sum": (
        ACCOUNT
        + "[[evaluators]]\nkind = 'drawdown'\naccounts = ['main', 'hedge']\ncurrency = 'USDT'\nconfirm = 2\n"
        + "max_drawdown_percent = 5",
        9,
        "evaluators.accounts",
        'no account "hedge"; configured are: "main"',
    ),
    "unknown account in a scope": (
        ACCOUNT + "[[evaluators]]\nkind = 'manual'\nscope = 'account/mian'",
        9,
        "evaluators.scope",
        'no account "mian"; configured are: "main"',
    ),
    "unknown venue in a scope": (
        ACCOUNT + "[[evaluators]]\nkind = 'manual'\nscope = 'venue/okx'",
        9,
        "evaluators.scope",
        'no venue "okx"; configured are: "binance"',
    ),
    "unknown scope kind": ("[[evaluators]]\nkind = 'manual'\nscope = 'desk/a'", 3, "evaluators.scope", "account/<id>"),
    "unknown mode": ("[[evaluators]]\nkind = 'manual'\nmode = 'Shadow'", 3, "evaluators.mode", "did you mean shadow?"),
    "unknown on_unknown": (
        "[[evaluators]]\nkind = 'manual'\non_unknown = 'nothing'",
        3,
        "evaluators.on_unknown",
        "not one of block, cancel, flatten, ignore",
    ),
    "name twice": (
        "[[evaluators]]\nkind = 'manual'\n[[evaluators]]\nkind = 'manual'",
        3,
        "evaluators.name",
        "the name of another evaluator already",
    ),
    "duration without unit": (ACCOUNT + DRAWDOWN + "max_age = 3", 11, "evaluators.max_age", "max_age_seconds"),
    "duration of zero": (ACCOUNT + DRAWDOWN + "max_age_seconds = 0", 11, "evaluators.max_age_seconds", "above 0 s"),
    "duration out of range": (
        ACCOUNT + DRAWDOWN + "max_age_seconds = 1e20",
        11,
        "evaluators.max_age_seconds",
        "out of range",
    ),
    "duration too fine": (
        ACCOUNT + DRAWDOWN + "max_age_seconds = 1.0000001",
        11,
        "evaluators.max_age_seconds",
        "finer than a microsecond",
    ),
    "negative duration": (
        "[[evaluators]]\nkind = 'manual'\nunknown_after_seconds = -1",
        3,
        "evaluators.unknown_after_seconds",
        "-1 s is not",
    ),
    "no limit": (
        ACCOUNT + DRAWDOWN.replace("max_drawdown_percent = 8\n", ""),
        7,
        "evaluators.max_daily_loss_percent",
        "so is max_drawdown_percent",
    ),
    "limit of zero": (ACCOUNT + DRAWDOWN.replace("8", "0"), 10, "evaluators.max_drawdown_percent", "above 0"),
    "limit above 100": (ACCOUNT + DRAWDOWN.replace("8", "100.01"), 10, "evaluators.max_drawdown_percent", "100.01"),
    "limit not a number": (ACCOUNT + DRAWDOWN.replace("8", "nan"), 10, "evaluators.max_drawdown_percent", "finite"),
    "infinite limit": (ACCOUNT + DRAWDOWN.replace("8", "-inf"), 10, "evaluators.max_drawdown_percent", "finite"),
    "limit beyond any decimal": (
        ACCOUNT + DRAWDOWN.replace("8", "1e999999999999999999999"),
        10,
        "evaluators.max_drawdown_percent",
        "finite",
    ),
    "limit of too many digits": (
        ACCOUNT + DRAWDOWN.replace("8", "1e-400000"),
        10,
        "evaluators.max_drawdown_percent",
        "more than 24 digits",
    ),
    "limit as words": (ACCOUNT + DRAWDOWN.replace("8", "'8 %'"), 10, "evaluators.max_drawdown_percent", "finite"),
    "broken TOML": ("[server]\nlisten = \n", 2, "", "is not TOML"),
    "key twice": ("installation = 'a'\ninstallation = 'b'", 2, "", "is not TOML"),
}


def written(folder: Path, text: str) -> Path:
    """Write a configuration file."""
    path = folder / "ess.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "line", "key", "hint"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_mistake_is_named_with_its_line_key_and_remedy(
    text: str, line: int, key: str, hint: str, tmp_path: Path
) -> None:
    """A mistake is reported once, at its line, under its key, with what to do, and nothing else is."""
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load(path)

    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (line, key)
    assert hint in problem.text
    assert str(caught.value).startswith(f"{path}:{line}: {key}")


def test_several_mistakes_are_all_named_in_one_run(tmp_path: Path) -> None:
    """A mistake hides no other one, in the same table or elsewhere, and they come in the order of their lines."""
    account = ACCOUNT.replace('venue = "binance"', "equity_poll_ms = 1").replace("binanceusdm", "X Y")
    text = f"""instalation = "x"
[server]
lease_ms = "1s"
heartbeat_ms = 900
[server.tls]
certificate = "a"
{account}paper = {{ address = "x", ca_file = 3 }}
{DRAWDOWN.replace('"main"', '"mian"').replace("8", "nan")}max_daily_loss_percent = 200
confirm = 0
mode = "Live"
"""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert [(p.line, p.key) for p in caught.value.problems] == [
        (1, "instalation"),
        (3, "server.lease_ms"),
        (4, "server.heartbeat_ms"),
        (5, "server.tls.key"),
        (7, "accounts.venue"),
        (9, "accounts.equity_poll_ms"),
        (10, "accounts.exchange"),
        (13, "accounts.paper.ca_file"),
        (13, "accounts.paper.address"),
        (16, "evaluators.account"),
        (17, "evaluators.max_drawdown_percent"),
        (18, "evaluators.max_daily_loss_percent"),
        (19, "evaluators.confirm"),
        (20, "evaluators.mode"),
    ]


def test_a_pasted_secret_is_never_shown(tmp_path: Path) -> None:
    """Whatever stands where a key does not belong is named by its key and never quoted."""
    text = ACCOUNT.replace('"KEY"', '"hunter2!"') + "secret = 'hunter2!'\napi_secret = 4242\nsecret_file = 4242\n"

    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert len(caught.value.problems) == 4
    assert not any(secret in str(caught.value) for secret in ("hunter2", "4242"))


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"\xff\xfe", "is not UTF-8"),
        (b" " * (MAX_BYTES + 1), "is larger than"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_sentence(content: bytes | None, hint: str, tmp_path: Path) -> None:
    """A missing, binary or huge file is named with the reason."""
    path = tmp_path / "ess.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert str(caught.value).startswith(f"{path}: {hint}")


def test_an_empty_file_is_every_default(tmp_path: Path) -> None:
    """Nothing is required but what an account or evaluator needs."""
    assert load(written(tmp_path, "")) == Settings()


def test_the_example_is_valid_and_its_comments_tell_the_defaults(tmp_path: Path) -> None:
    """The example loads, and setting what it has commented out to the value shown changes nothing."""
    text = EXAMPLE.read_text()
    assigned = [line for line in text.splitlines() if line.startswith("# ") and " = " in line and "tls/" not in line]
    spelled_out = text
    for line in assigned:
        spelled_out = spelled_out.replace(line, line.removeprefix("# "))

    settings = load(written(tmp_path, text))

    assert len(assigned) > 15
    assert load(written(tmp_path, spelled_out)) == settings
    assert load(EXAMPLE).accounts[0].paper == PaperEndpoint(
        host="127.0.0.1", port=9443, ca_file=EXAMPLE.parent / "paper/ca.pem"
    )


def test_paths_start_at_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the same whatever directory the server is started in, even if the file is named so."""
    folder = tmp_path / "etc"
    folder.mkdir()
    written(folder, "[server]\ndata_dir = 'data'\n[server.tls]\ncertificate = '/c.pem'\nkey = '../k.pem'\n")
    monkeypatch.chdir(tmp_path)

    server = load(Path("etc/ess.toml")).server

    assert server.data_dir == folder / "data"
    assert server.tls is not None
    assert (server.tls.certificate, server.tls.key) == (Path("/c.pem"), folder / "../k.pem")


def test_every_kind_of_value_is_read_exactly(tmp_path: Path) -> None:
    """Durations take the unit of their key, words become enumerations, scopes are parsed, defaults stay."""
    text = (
        "[server]\nlease_ms = 600\nheartbeat_ms = 200\ntick_ms = 100\ndefault_action = 'block'\n"
        + ACCOUNT
        + DRAWDOWN.replace("8", "0.1")
        + "max_age_seconds = 0.25\nscope = 'venue/binance'\naction = 'cancel'\n"
    )

    settings = load(written(tmp_path, text))

    assert settings.server == replace(
        ServerSettings(),
        lease=timedelta(milliseconds=600),
        heartbeat=timedelta(milliseconds=200),
        tick=timedelta(milliseconds=100),
        default_action=Action.BLOCK,
    )
    assert settings.evaluators == (
        DrawdownSettings(
            account="main",
            max_drawdown_percent=Decimal("0.1"),
            max_age=timedelta(milliseconds=250),
            scope=Scope(ScopeKind.VENUE, "binance"),
            action=Action.CANCEL,
        ),
    )


@given(
    limit=st.decimals(min_value="0.000000000001", max_value=100, places=12),
    quoted=st.booleans(),
)
def test_a_percentage_is_the_decimal_that_was_written(
    tmp_path_factory: pytest.TempPathFactory, limit: Decimal, *, quoted: bool
) -> None:
    """Every decimal arrives digit for digit, as number or as text, without binary rounding."""
    number = f'"{limit:f}"' if quoted else f"{limit:f}"
    folder = tmp_path_factory.getbasetemp()

    settings = load(written(folder, ACCOUNT + DRAWDOWN.replace("8", number)))

    (evaluator,) = settings.evaluators
    assert isinstance(evaluator, DrawdownSettings)
    assert f"{evaluator.max_drawdown_percent:f}" == f"{limit:f}"


def test_a_lease_out_of_range_hides_nothing_that_no_lease_would_allow(tmp_path: Path) -> None:
    """What hangs on it is measured against the most that any lease allows, so nothing is named that may be right."""
    text = "[server]\nlease_ms = 9\nheartbeat_ms = 700\ntick_ms = 600\nafter_stop_grace_ms = 2100\n"
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert [p.key for p in caught.value.problems] == [
        "server.lease_ms",
        "server.heartbeat_ms",
        "server.after_stop_grace_ms",
    ]
