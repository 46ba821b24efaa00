"""What is refused before anything is written or started for a server that cannot serve."""

import socket

from ess_server.app.compose import check_listen
from ess_server.config import listen
from ess_server.config.settings import ServerSettings
from ess_server.service.server import ListenError, TlsFiles, check_tls


def check_server(server: ServerSettings) -> None:
    """Refuse an address that must not or cannot be served, and TLS files that do not work. Raises ListenError."""
    check_listen(server)
    if server.tls:
        tls = server.tls
        check_tls(TlsFiles(certificate=tls.certificate, key=tls.key, client_ca=tls.client_ca))
    check_free(server.listen)


def check_free(address: str) -> None:
    """Refuse an address of which no part can be bound at this moment. Raises ListenError."""
    host, port = listen.parse(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _refusal(address, error) from error
    problems = [problem for place in dict.fromkeys(found) if (problem := _problem(place[0], place[4]))]
    if len(problems) == len(found):
        raise _refusal(address, problems[0])


def _problem(family: int, place: tuple[object, ...]) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As gRPC does: connections that have ended do not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        return error
    return None


def _refusal(address: str, error: OSError) -> ListenError:
    why = error.strerror or str(error)
    return ListenError(
        f"listen: {address} cannot be bound ({why}): end what uses it, or name a free address of this machine"
    )
