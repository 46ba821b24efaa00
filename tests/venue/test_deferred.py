"""A client that is opened late, and anew when its files change."""

import os
from pathlib import Path

import pytest

from ess_server.core.model import Account
from ess_server.testing.exchange import FakeExchangeClient
from ess_server.venue.credentials import CredentialError
from ess_server.venue.deferred import DeferredClient

ACCOUNT = Account(id="main", venue="v")


class Shop:
    """Opens fakes, or refuses."""

    def __init__(self) -> None:
        self.opened: list[FakeExchangeClient] = []
        self.refuses = False

    def __call__(self) -> FakeExchangeClient:
        """Open one."""
        if self.refuses:
            raise CredentialError("file key holds no key")
        self.opened.append(FakeExchangeClient(ACCOUNT))
        return self.opened[-1]


def touch(path: Path, second: int) -> None:
    """Give a file a time of change of its own."""
    path.touch()
    os.utime(path, (second, second))


async def test_it_fails_call_by_call_until_it_can_be_opened(tmp_path: Path) -> None:
    """An account whose keys cannot be read works as soon as they can be."""
    shop = Shop()
    shop.refuses = True
    client = DeferredClient(ACCOUNT, shop, [str(tmp_path / "key")])
    for _ in range(2):
        with pytest.raises(CredentialError):
            await client.snapshot()
    shop.refuses = False
    await client.prepare()
    await client.equity()

    assert len(shop.opened) == 1


async def test_changed_files_open_it_anew(tmp_path: Path) -> None:
    """A new key or CA file is taken up by the next call, and the old client is closed."""
    shop, key = Shop(), tmp_path / "key"
    touch(key, 1)
    client = DeferredClient(ACCOUNT, shop, [str(key)])
    await client.snapshot()
    touch(key, 2)
    await client.snapshot()
    await client.aclose()

    assert [c.closed for c in shop.opened] == [True, True]


async def test_a_working_client_outlives_its_files(tmp_path: Path) -> None:
    """A file that has vanished or become useless does not take a working client away."""
    shop, key = Shop(), tmp_path / "key"
    touch(key, 1)
    client = DeferredClient(ACCOUNT, shop, [str(key)])
    await client.snapshot()
    key.unlink()
    await client.snapshot()
    touch(key, 3)
    shop.refuses = True
    await client.snapshot()

    assert len(shop.opened) == 1
    assert shop.opened[0].calls == ["snapshot"] * 3


async def test_closing_what_was_never_opened_is_no_error(tmp_path: Path) -> None:
    """Nothing is opened only to be closed."""
    shop = Shop()
    await DeferredClient(ACCOUNT, shop, [str(tmp_path / "key")]).aclose()

    assert shop.opened == []
