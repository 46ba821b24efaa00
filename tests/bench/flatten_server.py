"""What ten accounts that flatten at once cost the server: CPU of its longest callback, beside the venue process."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from tests.bench.figures import Row
from tests.bench.floor import PASSPHRASE, SECRET, Floor, key_of
from tests.e2e.process import ServerProcess, eventually

PROGRAM = (sys.executable, "-m", "tests.bench.timed_server")
LONGEST = "LONGEST_CALLBACK"


def server_rows(floors: Mapping[str, Floor], shares: Mapping[str, int], first: int) -> list[Row]:
    """Stop a server whose accounts are ``first`` and those after it on each venue."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        os.environ[LONGEST] = str(directory / "longest")
        count = sum(shares.values())
        (directory / "ess.toml").write_text("".join(_accounts(directory, floors, shares, first)))
        milliseconds = asyncio.run(_measure(directory, count))
    return [Row("flatten_server_longest_callback", count, milliseconds, "ms", at_most=5.0)]


def _accounts(directory: Path, floors: Mapping[str, Floor], shares: Mapping[str, int], first: int) -> list[str]:
    blocks = []
    for exchange, count in shares.items():
        for number in range(first, first + count):
            name = f"a{number}"
            lines = [f'[[accounts]]\nid = "{exchange}-{name}"\nvenue = "{exchange}"\nexchange = "{exchange}"\n']
            parts = [("api_key", key_of(name)), ("secret", SECRET), ("passphrase", PASSPHRASE)]
            for part, content in parts if exchange == "okx" else parts[:2]:
                file = directory / f"{exchange}-{name}.{part}"
                file.touch(0o600)
                file.write_text(content)
                lines.append(f'{part}_file = "{file}"\n')
            where = floors[exchange]
            lines.append(f'paper = {{ address = "127.0.0.1:{where.port}", ca_file = "{where.ca_file}" }}\n\n')
            blocks.append("".join(lines))
    return blocks


async def _measure(directory: Path, count: int) -> float:
    """Reset, trigger FLATTEN, wait until every account is flat, and return milliseconds of the longest callback."""
    server = ServerProcess(directory / "data", program=PROGRAM, arguments=("--config", directory / "ess.toml"))
    await server.start()
    try:
        async with server.stub() as stub:
            assert server.child is not None
            server.child.send_signal(signal.SIGUSR2)
            await stub.Trigger(pb.TriggerRequest(scope="global", action=pb.STOP_ACTION_FLATTEN, reason="bench"))

            async def flat() -> bool:
                accounts = (await stub.GetState(pb.GetStateRequest())).accounts
                done = (pb.FLATTEN_STATUS_FLAT, pb.FLATTEN_STATUS_FLAT_WITH_DUST)
                return sum(a.status in done for a in accounts) == count

            await eventually(flat, 60)
        return float((directory / "longest").read_text().split()[0])
    finally:
        await server.kill()
