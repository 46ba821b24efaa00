"""The ``requests`` side of pinning. Imported only where a synchronous client is pinned."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3 import HTTPSConnectionPool
from urllib3.connectionpool import HTTPConnectionPool


class PinnedAdapter(HTTPAdapter):
    """Keeps URL, Host header and TLS server name of a request and connects to the paper venue."""

    def __init__(self, host: str, port: int, ca_file: Path) -> None:
        self._host = host
        self._port = port
        self._ca_file = str(ca_file)
        self._pools: dict[str, HTTPSConnectionPool] = {}
        super().__init__()

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - the signature of requests
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> HTTPConnectionPool:
        """Return the pool of the request's host name."""
        del verify, proxies, cert
        name = urlsplit(request.url or "").hostname or ""
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = HTTPSConnectionPool(
                self._host,
                self._port,
                server_hostname=name,
                assert_hostname=name,
                cert_reqs="CERT_REQUIRED",
                ca_certs=self._ca_file,
            )
        return pool

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave the pool's own trust as it is."""

    def add_headers(self, request: PreparedRequest, **kwargs: object) -> None:
        """Name the host that the URL names."""
        super().add_headers(request, **kwargs)
        request.headers["Host"] = urlsplit(request.url or "").netloc

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        super().close()


class RefusingAdapter(BaseAdapter):
    """Refuses: without TLS nothing proves that the paper venue answers."""

    def send(self, request: PreparedRequest, **kwargs: object) -> Response:  # type: ignore[override] # every option alike
        """Raise ConnectionError."""
        del kwargs
        raise RequestsConnectionError(f"pinned to the paper venue: no plain HTTP to {request.url}")

    def close(self) -> None:
        """Nothing to release."""
