"""Components asked over ``grpc.health.v1``: what they answer, that they do not, and that nobody else waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme

from ess_server.adapters.grpc_health import RENEW_AFTER, HealthPoller, HealthTarget, TlsFiles
from ess_server.core.clock import SystemClock
from ess_server.core.errors import CapacityError
from ess_server.core.ports import Clock
from ess_server.core.readings import ComponentHealth, ComponentPoll, HealthStatus
from ess_server.testing import FakeClock, eventually
from tests.adapters.health_component import Component, SlowHealth, Status, serving

FAST = timedelta(milliseconds=20)


class Heard:
    """What a poller told, oldest first."""

    def __init__(self) -> None:
        self.polls: list[ComponentPoll] = []
        self.words: list[ComponentHealth] = []

    def take(self, poll: ComponentPoll, word: ComponentHealth | None) -> None:
        """Keep it."""
        self.polls.append(poll)
        if word:
            self.words.append(word)

    @property
    def poll(self) -> ComponentPoll:
        """How the last attempt went."""
        return self.polls[-1]

    def says(self, status: HealthStatus) -> bool:
        """Whether the last word is this."""
        return bool(self.words) and self.words[-1].status is status


def poller(address: str, heard: Heard, clock: Clock | None = None, **changes: Any) -> HealthPoller:
    """A poller in a hurry."""
    told: dict[str, Any] = {
        "name": "oms",
        "address": address,
        "service": "",
        "interval": FAST,
        "timeout": timedelta(seconds=2),
        "max_silence": None,
        "tls": None,
    }
    return HealthPoller(HealthTarget(**told | changes), clock or SystemClock(), heard.take)


@asynccontextmanager
async def asking(address: str, **changes: Any) -> AsyncIterator[Heard]:
    """Run a poller, and end it."""
    heard = Heard()
    task = asyncio.create_task(poller(address, heard, **changes).run())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def component() -> AsyncIterator[Component]:
    """A component that is well."""
    async with serving() as made:
        yield made


async def test_answers_are_heard_as_they_change(component: Component) -> None:
    """SERVING is healthy; every other answer is critical, and says where, what and what to do."""
    async with asking(component.address) as heard:
        await eventually(lambda: heard.says(HealthStatus.HEALTHY))
        await component.set(Status.NOT_SERVING)
        await eventually(lambda: heard.says(HealthStatus.CRITICAL))
        assert heard.words[-1].detail == f"{component.address} says NOT_SERVING"
        await component.set(Status.UNKNOWN)
        await eventually(lambda: "UNKNOWN: let it set the status" in heard.words[-1].detail)
        await component.set(Status.SERVING)
        await eventually(lambda: heard.says(HealthStatus.HEALTHY))

    assert all((w.component, p.problem) == ("oms", "") for w, p in zip(heard.words, heard.polls[1:], strict=True))


async def test_service_that_the_component_does_not_know_is_critical(component: Component) -> None:
    """A name that was misspelt is told with its remedy; the right one is healthy."""
    async with asking(component.address, service="orders.v1") as heard:
        await eventually(lambda: heard.words)
        assert heard.words[-1].detail == (
            f"{component.address} orders.v1 does not know this service: correct `service`"
        )
        assert heard.says(HealthStatus.CRITICAL)
        await component.set(Status.SERVING, "orders.v1")
        await eventually(lambda: heard.says(HealthStatus.HEALTHY))


async def test_component_that_goes_away_is_silent_with_a_reason_and_heard_when_it_is_back() -> None:
    """No word is made up for it; the last failure stands in the poll, and the same address answers again."""
    async with serving() as first, asking(first.address) as heard:
        await eventually(lambda: heard.words)
        await first.server.stop(None)
        await eventually(lambda: heard.poll.problem)
        said, failed = len(heard.words), heard.poll
        async with serving(address=first.address):
            await eventually(lambda: len(heard.words) > said)

    assert f"{first.address}: UNAVAILABLE" in failed.problem
    assert (failed.answered or 0.0) < failed.tried


async def test_component_that_hangs_is_asked_once_at_a_time_and_delays_no_other(component: Component) -> None:
    """Each attempt ends with its timeout; meanwhile another component is heard."""
    slow = SlowHealth()
    async with (
        serving(slow) as hanging,
        asking(hanging.address, timeout=timedelta(milliseconds=100)) as unheard,
        asking(component.address) as heard,
    ):
        await eventually(lambda: len([p for p in unheard.polls if "within 0.1 s" in p.problem]) >= 3)
        words = len(heard.words)
        slow.answers.set()
        await eventually(lambda: unheard.says(HealthStatus.HEALTHY))

    assert slow.most == 1
    assert unheard.polls[1].problem == f"no answer from {hanging.address} within 0.1 s"
    assert words >= 5


async def test_server_without_a_health_service_is_silent_and_told_apart() -> None:
    """Something answers there, and not for its health."""
    bare = grpc.aio.server()
    port = bare.add_insecure_port("127.0.0.1:0")
    await bare.start()
    async with asking(f"127.0.0.1:{port}") as heard:
        await eventually(lambda: heard.poll.problem.endswith("does not serve grpc.health.v1"))
    await bare.stop(None)

    assert heard.words == []


async def test_silence_is_told_before_the_first_attempt() -> None:
    """From the moment a poller is made, its component is one that must be heard."""
    heard = Heard()
    poller("127.0.0.1:1", heard, max_silence=timedelta(seconds=7))

    assert (heard.poll.component, heard.poll.max_silence, heard.poll.answered) == ("oms", timedelta(seconds=7), None)


async def test_pause_of_the_asking_process_is_no_silence_of_the_component() -> None:
    """After a minute of suspend, an attempt that fails is the first; without one, silence goes on counting."""
    clock, heard = FakeClock(), Heard()
    asked = poller("127.0.0.1:1", heard, clock, timeout=timedelta(milliseconds=50))
    began = clock.uptime()
    await asked._attempt()
    clock.advance(0.5)
    asked._began_anew(clock.uptime())
    await asked._attempt()
    steady = heard.poll
    clock.advance(60)
    asked._began_anew(clock.uptime() - 60)
    await asked._attempt()
    await asked._disconnect()

    assert (steady.asked_since, steady.tried) == (began, began + 0.5)
    assert heard.poll.asked_since == heard.poll.tried == began + 60.5


async def test_connection_that_brings_nothing_is_made_anew() -> None:
    """A peer that vanished without a word, or moved to another address, is found again."""
    clock, heard = FakeClock(), Heard()
    async with serving(SlowHealth()) as hanging:
        asked = poller(hanging.address, heard, clock, timeout=timedelta(milliseconds=50))
        await asked._attempt()
        first = asked._channel
        clock.advance(RENEW_AFTER)
        await asked._attempt()
        dropped = asked._channel
        await asked._attempt()
        again = asked._channel
        await asked._disconnect()

    assert (first is not None, dropped, again is not None) == (True, None, True)
    assert again is not first


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of an authority, and of another one that signed nothing here."""
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    stranger.cert_pem.write_to_path(str(folder / "stranger.pem"))
    for name in ("server", "client"):
        made = authority.issue_cert("127.0.0.1")
        made.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        made.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
    (folder / "empty.pem").touch()
    return folder


def tls(folder: Path, ca: str = "ca.pem", client: str = "") -> TlsFiles:
    """Files as they are configured."""
    certificate, key = (folder / f"{client}.pem", folder / f"{client}.key") if client else (None, None)
    return TlsFiles(ca=folder / ca, certificate=certificate, key=key)


@pytest.mark.parametrize(("client", "files"), [(False, {}), (True, {"client": "client"})], ids=["server", "mutual"])
async def test_component_behind_tls_is_heard(pems: Path, client: bool, files: dict[str, str]) -> None:  # noqa: FBT001 - a case
    """With the authority that signed it, and with a certificate of ours where it asks for one."""
    pair = ((pems / "server.key").read_bytes(), (pems / "server.pem").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (pems / "ca.pem").read_bytes() if client else None, client)
    async with serving(credentials=credentials) as made, asking(made.address, tls=tls(pems, **files)) as heard:
        await eventually(lambda: heard.says(HealthStatus.HEALTHY))


@pytest.mark.parametrize(
    ("ca", "problem"),
    [
        ("stranger.pem", "UNAVAILABLE"),
        ("missing.pem", "missing.pem cannot be read (No such file or directory)"),
        ("empty.pem", "empty.pem cannot be read (is empty)"),
    ],
)
async def test_component_that_proves_nothing_is_not_believed(pems: Path, ca: str, problem: str) -> None:
    """Signed by another, or without the file to check it, what it says counts for nothing, and the reason is told."""
    pair = ((pems / "server.key").read_bytes(), (pems / "server.pem").read_bytes())
    async with (
        serving(credentials=grpc.ssl_server_credentials([pair])) as made,
        asking(made.address, tls=tls(pems, ca)) as heard,
    ):
        await eventually(lambda: problem in heard.poll.problem)

    assert heard.words == []


async def test_word_that_is_not_taken_costs_that_word_and_no_more(component: Component) -> None:
    """Who takes the words may be full; the component is asked again, and the reason is told."""
    heard, told = Heard(), list[ComponentPoll]()

    class Full(Heard):
        def take(self, poll: ComponentPoll, word: ComponentHealth | None) -> None:
            if word and not told:
                told.append(poll)
                raise CapacityError("10000 observations wait")
            heard.take(poll, word)

    task = asyncio.create_task(poller(component.address, Full()).run())
    await eventually(lambda: heard.words)
    task.cancel()
    await asyncio.wait([task])

    assert [p.problem for p in heard.polls[:3]] == ["not asked yet", "10000 observations wait", ""]


async def test_poller_that_is_cancelled_ends_with_its_connection(component: Component) -> None:
    """Nothing is asked afterwards, and nothing is left open."""
    heard = Heard()
    asked = poller(component.address, heard)
    task = asyncio.create_task(asked.run())
    await eventually(lambda: heard.words)
    channel = asked._channel
    assert channel is not None
    task.cancel()
    await asyncio.wait([task])

    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
