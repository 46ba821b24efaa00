"""One mistake at a time in ``[[evaluators]]``: the text, its line, its key and a part of the remedy."""

from tests.config.written import ACCOUNT, DRAWDOWN

MISTAKES = {
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
}
