"""What a client of ccxt does with a session that it was lent."""

import ssl

import aiohttp

from ess_server.core.clock import SystemClock
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_usdm import BUDGET
from ess_server.venue.credentials import Credentials
from ess_server.venue.strict import open_exchange


async def test_whom_to_trust_is_left_to_the_session() -> None:
    """Property: beside a lent session ccxt reads no certificates, and what it would use itself trusts nobody."""
    async with aiohttp.ClientSession() as session:
        exchange = open_exchange(Credentials("key", "secret"), RequestBudget(SystemClock().uptime, BUDGET), session)
        exchange.open()
        context = exchange.ssl_context
        await exchange.close()

        assert not session.closed
    assert context.get_ca_certs() == []
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
