"""A component with gRPC's own health service, in a process of its own.

``python -m tests.e2e.health_component`` prints the port it took. SIGUSR1 makes it NOT_SERVING, SIGUSR2 SERVING again.
"""

import signal
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Status = health_pb2.HealthCheckResponse
SIGNALS = {signal.SIGUSR1: Status.NOT_SERVING, signal.SIGUSR2: Status.SERVING}


def main() -> None:
    """Serve until killed."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    servicer = health.HealthServicer()
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - what the test reads
    while True:
        servicer.set("", SIGNALS[signal.sigwait(SIGNALS)])


if __name__ == "__main__":
    main()
