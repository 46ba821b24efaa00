"""What a stop sells of a spot account: what the file may say, and what the venue process is told of it."""

from decimal import Decimal
from pathlib import Path

import pytest

from ess_server.app.venues import venue_settings
from ess_server.config.load import ConfigError, load
from ess_server.config.settings import SpotSettings
from ess_server.config.show import show
from ess_server.core.spot_sale import SpotSale

ACCOUNT = """
[[accounts]]
id = "spot"
venue = "binance"
exchange = "binance"
api_key_env = "KEY"
secret_env = "SECRET"
spot = { sell = ["BTC", "ETH"], keep = { BTC = "0.5", ETH = 2 } }
"""


def test_what_is_sold_reaches_the_venue_process(tmp_path: Path) -> None:
    """The table is read exactly, what is shown loads to the same, and without the table nothing is to be sold."""
    path = tmp_path / "ess.toml"
    path.write_text(ACCOUNT)
    settings = load(path)
    kept = {"BTC": Decimal("0.5"), "ETH": Decimal(2)}

    assert settings.accounts[0].spot == SpotSettings(sell=("BTC", "ETH"), into="USDT", keep=kept)
    told = venue_settings(settings, tmp_path / "lock").accounts[0].spot
    assert told == SpotSale(sell=("BTC", "ETH"), into="USDT", keep=tuple(kept.items()))
    assert (told.kept("BTC"), told.kept("SOL"), told.symbol_of("ETH")) == (Decimal("0.5"), Decimal(0), "ETH/USDT")
    path.write_text(show(settings))
    assert load(path) == settings
    path.write_text("\n".join(line for line in ACCOUNT.splitlines() if not line.startswith("spot")))
    assert venue_settings(load(path), tmp_path / "lock").accounts[0].spot is None


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (('exchange = "binance"', 'exchange = "binanceusdm"'), '8 accounts.spot: is for exchange = "binance" alone'),
        (('["BTC", "ETH"]', "[]"), "8 accounts.spot.sell: names 0 assets, not 1 to 20"),
        (('"ETH"]', '"BTC"]'), '8 accounts.spot.sell: "BTC" is listed twice'),
        (('"ETH"]', '"ETH/USDT"]'), '8 accounts.spot.sell: "ETH/USDT" is no asset of the exchange'),
        (("keep =", 'into = "usdt", keep ='), '8 accounts.spot.into: "usdt" is no asset of the exchange'),
        (("keep =", 'into = "BTC", keep ='), '8 accounts.spot.into: "BTC" is among what is sold'),
        (("ETH = 2", "SOL = 2"), '8 accounts.spot.keep: "SOL" is not among what is sold'),
        (("ETH = 2", 'ETH = "-2"'), "8 accounts.spot.keep: -2 ETH is not above 0"),
        (("ETH = 2", 'ETH = "some"'), "8 accounts.spot.keep: "),
        (('{ BTC = "0.5", ETH = 2 }', "2"), "8 accounts.spot.keep: expected a table such as"),
        (('sell = ["BTC", "ETH"], ', ""), "8 accounts.spot.sell: is missing"),
        (("keep =", "hold ="), "8 accounts.spot.hold: unknown key"),
    ],
)
def test_what_cannot_be_sold_is_refused_by_name(tmp_path: Path, change: tuple[str, str], mistake: str) -> None:
    """Every mistake names its field and its line, before anything runs."""
    path = tmp_path / "ess.toml"
    path.write_text(ACCOUNT.replace(*change))
    with pytest.raises(ConfigError) as refused:
        load(path)

    found = [f"{p.line} {p.key}: {p.text}" for p in refused.value.problems]
    assert any(one.startswith(mistake) for one in found), found
