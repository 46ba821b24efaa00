"""How a gate reaches a server: TLS, tokens, lost and silent connections, processes killed and frozen."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import grpc
import pytest
import trustme

import ess_client.aio
from ess_client import DenyReason, OrderGate
from ess_client._clock import now
from ess_client.testing import ScriptedServer

Eventually = Callable[..., float]

SERVE = """
import sys, threading
from ess_client.testing import ScriptedServer
server = ScriptedServer(port=int(sys.argv[1]), revision=int(sys.argv[2])).start()
print(server.port, flush=True)
threading.Event().wait(50)
"""


class ServerProcess:
    """A scripted server in a process of its own, to be killed and frozen."""

    def __init__(self, port: int = 0, revision: int = 1) -> None:
        command = [sys.executable, "-c", SERVE, str(port), str(revision)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def target(self) -> str:
        """What a gate is to be pointed at."""
        return f"127.0.0.1:{self.port}"

    def signal(self, number: signal.Signals) -> None:
        """Kill, freeze or thaw it."""
        self._process.send_signal(number)

    def close(self) -> None:
        """End it, frozen or not."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def process() -> Iterator[ServerProcess]:
    """A server process that is gone at the end, frozen or not."""
    server = ServerProcess()
    yield server
    server.close()


def test_frozen_server_denies_within_the_lease_and_its_backlog_never_reopens(
    process: ServerProcess, eventually: Eventually, last_allowed: Callable[[OrderGate], float]
) -> None:
    """SIGSTOP: denied within a lease though the connection stands; SIGCONT: open again, by new proofs only."""
    with OrderGate(process.target) as gate:
        gate.wait_ready(5)
        process.signal(signal.SIGSTOP)

        assert last_allowed(gate) <= 1.0
        assert gate.check().reason is DenyReason.LEASE_EXPIRED
        time.sleep(0.5)
        assert not gate.check()

        process.signal(signal.SIGCONT)
        eventually(gate.check)
        assert gate.state.lease_remaining.total_seconds() > 0


ENGINE = """
import sys, time
from ess_client import OrderGate
gate = OrderGate(sys.argv[1]).start()
assert gate.wait_ready(5) and gate.check()
last, jump = time.monotonic(), 0.0
print("ready", flush=True)
while jump < 0.5:
    time.sleep(0.001)
    now = time.monotonic()
    last, jump = now, now - last
allowed = 0
until = time.monotonic() + 1.0
while time.monotonic() < until:
    allowed += gate.check().allowed
print(allowed, gate.check().reason, flush=True)
"""


def test_frozen_engine_never_takes_what_its_buffers_hold_for_news() -> None:
    """SIGSTOP of the engine, heartbeats pile up, the server dies: after SIGCONT not one check is allowed.

    A lease counted from receipt would open here, by heartbeats that are read late.
    """
    server = ScriptedServer().start()
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, server.target], stdout=subprocess.PIPE, text=True)
    try:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "ready\n"
        engine.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        server.close()
        time.sleep(1.1)
        engine.send_signal(signal.SIGCONT)
        assert engine.stdout.readline() == "0 LEASE_EXPIRED\n"
    finally:
        engine.kill()
        engine.communicate()


def test_killed_server_denies_within_the_lease_and_a_new_process_heals(
    process: ServerProcess, eventually: Eventually, last_allowed: Callable[[OrderGate], float]
) -> None:
    """SIGKILL: denied within a lease, and open again soon after another process serves the port."""
    with OrderGate(process.target) as gate:
        gate.wait_ready(5)
        process.signal(signal.SIGKILL)

        assert last_allowed(gate) <= 1.0
        another = ServerProcess(process.port, revision=1_001)
        assert eventually(gate.check, 5) < 3.0
        another.close()


def _count_connections(listener: socket.socket, counted: list[float], *, answer: bool) -> None:
    held = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        counted.append(time.monotonic())
        held.append(connection)
        if answer:
            connection.close()


def test_server_that_hangs_up_is_tried_again_at_least_once_a_second() -> None:
    """Back-off is capped at a second for ever, and no attempt is a tight loop, whichever face the gate has."""
    counts: list[list[float]] = [[], []]
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in counts]
    for listener, counted in zip(listeners, counts, strict=True):
        threading.Thread(target=_count_connections, args=(listener, counted), kwargs={"answer": True}).start()
    threads, tasks = (f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners)

    async def run() -> None:
        async with ess_client.aio.OrderGate(tasks):
            await asyncio.sleep(4.5)

    with OrderGate(threads):
        asyncio.run(run())
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    for counted in counts:
        assert 6 <= len(counted) <= 60
        assert max(later - earlier for earlier, later in pairwise(counted)) < 1.6


def test_silence_is_given_up_and_a_quiet_stream_is_never_cut(eventually: Eventually) -> None:
    """A connection or stream that says nothing is replaced after 5 s; one that speaks rarely is left alone."""
    counted: list[float] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ScriptedServer(heartbeat=60) as mute,
        ScriptedServer(heartbeat=3) as rare,
        OrderGate(f"127.0.0.1:{listener.getsockname()[1]}"),
        OrderGate(mute.target),
        OrderGate(rare.target),
    ):
        threading.Thread(target=_count_connections, args=(listener, counted), kwargs={"answer": False}).start()
        eventually(lambda: len(mute.requests) >= 2 and len(set(counted)) >= 2, 9)
        assert len(rare.requests) == 1
        listener.shutdown(socket.SHUT_RDWR)


def test_tls_and_token(eventually: Eventually) -> None:
    """A gate over TLS proves who asks with every call, and one without the right root never opens."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    served = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    stranger = grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes())
    with ScriptedServer(credentials=served) as server:
        with OrderGate(server.target, credentials=trusted, token="secret-1") as gate:
            assert gate.wait_ready(5)
            eventually(lambda: server.acknowledgements)
        with OrderGate(server.target, credentials=stranger) as gate:
            assert gate.wait_ready(0.5) is False

    assert {call["authorization"] for call in server.metadata} == {"Bearer secret-1"}


async def test_tls_and_token_with_asyncio() -> None:
    """The asyncio gate reaches a server over TLS with a token as well."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    served = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    with ScriptedServer(credentials=served) as server:
        async with ess_client.aio.OrderGate(server.target, credentials=trusted, token="secret-1") as gate:
            assert await gate.wait_ready(5)

    assert server.metadata[0]["authorization"] == "Bearer secret-1"


@pytest.mark.parametrize("face", [OrderGate, ess_client.aio.OrderGate])
def test_token_is_never_sent_in_plain_text_over_a_network(face: type) -> None:
    """A token without TLS is accepted for this host alone, and no representation shows it."""
    with pytest.raises(ValueError, match="needs TLS") as refused:
        face(["127.0.0.1:50051", "ess.internal:50051"], token="secret-1")

    assert "secret-1" not in str(refused.value)
    assert "secret-1" not in repr(face("localhost:50051", token="secret-1").__dict__)


def test_environment_proxy_is_ignored(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to the stop never leads through a proxy that some variable names."""
    for name in ("http_proxy", "grpc_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with OrderGate(server.target.replace("127.0.0.1", "localhost")) as gate:
        assert gate.wait_ready(3)


def test_engine_that_forgets_to_close_still_exits(server: ScriptedServer) -> None:
    """Daemon threads never hold a process: it ends in time and without a word on stderr."""
    code = "import sys; from ess_client import OrderGate; g = OrderGate(sys.argv[1]).start(); assert g.wait_ready(5)"
    done = subprocess.run(
        [sys.executable, "-c", code, server.target], capture_output=True, text=True, timeout=20, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_client_costs_little_and_brings_nothing_else() -> None:
    """The client pulls in neither the server nor an exchange library, nor its own test kit."""
    code = (
        "import sys, ess_client, ess_client.aio;"
        "print([m for m in sys.modules if m.split('.')[0] in ('ess_server', 'ccxt', 'aiohttp', 'requests')"
        " or m.startswith('ess_client.testing')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True, env=dict(os.environ)
    )

    assert done.stdout == "[]\n"


def test_leases_are_measured_by_a_clock_that_counts_suspend() -> None:
    """The clock is that of the boot, suspend included, which no one sets."""
    assert abs(now() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1.0
