"""Opens streams in a process of its own, which a test then freezes: watchers that never read.

``python -m tests.e2e.watchers TARGET COUNT`` prints ``watching`` once every stream has had its first message.
"""

import sys

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc


def main(target: str, count: int) -> None:
    """Watch until killed; at most as long as the server serves."""
    stub = rpc.EmergencyStopServiceStub(grpc.insecure_channel(target))
    streams = [stub.WatchState(pb.WatchStateRequest(subscriber_id=f"deaf-{n}")) for n in range(count)]
    for stream in streams:
        next(stream)
    print("watching", flush=True)  # noqa: T201 - what the test waits for
    for _ in streams[0]:
        pass


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
