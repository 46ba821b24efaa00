"""One mistake at a time in ``[[accounts]]``: the text, its line, its key and a part of the remedy."""

from tests.config.written import ACCOUNT

MISTAKES = {
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
}
