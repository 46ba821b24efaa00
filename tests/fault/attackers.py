"""Peers that mean harm, each kind in a process of its own, until it is killed.

``python -m tests.fault.attackers KIND HOST PORT SEED`` prints ``attacking`` once it has begun. They run at a low
priority, as from another machine: what they cost the server is measured, not what they cost its processors.
"""

import itertools
import os
import random
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc

FLOOD, GARBAGE, OVERSIZED = "connections", "garbage", "oversized"
KINDS = (FLOOD, GARBAGE, OVERSIZED)
HELD = 300
"""Connections that a flood holds open while it opens more."""
PAUSE = 0.004
TOO_MUCH = 5 * 1024 * 1024
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def connected(address: tuple[str, int]) -> socket.socket:
    """Open one connection."""
    one = socket.create_connection(address, timeout=1)
    one.setblocking(False)
    return one


def flood(address: tuple[str, int], _: random.Random) -> None:
    """Open connection after connection, say nothing, and leave the oldest."""
    held: list[socket.socket] = []
    for _ in itertools.count():
        with suppress(OSError):
            held.append(connected(address))
        if len(held) > HELD:
            held.pop(0).close()
        time.sleep(PAUSE)


def frame(rng: random.Random) -> bytes:
    """Return something that is no frame, or one that promises what it does not keep."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 4000))
    if kind == 1:  # a length of 16 MiB, and a type and stream at random
        return PREFACE + SETTINGS + b"\xff\xff\xff" + struct.pack(">BBI", rng.randrange(256), 0, rng.randrange(2**32))
    if kind == 2:  # headers that cannot be unpacked
        body = rng.randbytes(200)
        return PREFACE + SETTINGS + struct.pack(">I", len(body))[1:] + b"\x01\x04\x00\x00\x00\x01" + body
    return (PREFACE + SETTINGS)[: rng.randrange(1, 30)]


def garbage(address: tuple[str, int], rng: random.Random) -> None:
    """Send what no client would."""
    for _ in itertools.count():
        with suppress(OSError), connected(address) as one:
            one.send(frame(rng))
        time.sleep(PAUSE)


def oversized(address: tuple[str, int], rng: random.Random) -> None:
    """Call with messages beyond every limit, and with ones that are just below it and mean nothing."""
    stub = rpc.EmergencyStopServiceStub(grpc.insecure_channel(f"{address[0]}:{address[1]}"))
    for _ in itertools.count():
        with suppress(grpc.RpcError):
            stub.GetState(pb.GetStateRequest(), metadata=[("x-much", "m" * rng.randrange(1, 20_000))], timeout=2)
        acks = pb.AcknowledgeStateRequest(store_id="s" * rng.choice((1000, TOO_MUCH)))
        with suppress(grpc.RpcError):
            stub.AcknowledgeState(acks, timeout=2)
        time.sleep(0.05)


ATTACKS: dict[str, Callable[[tuple[str, int], random.Random], None]] = {
    FLOOD: flood,
    GARBAGE: garbage,
    OVERSIZED: oversized,
}


def main(kind: str, host: str, port: str, seed: str) -> None:
    """Attack until killed."""
    os.nice(15)
    sys.stdout.write("attacking\n")
    sys.stdout.flush()
    ATTACKS[kind]((host, int(port)), random.Random(int(seed)))


if __name__ == "__main__":
    main(*sys.argv[1:])
