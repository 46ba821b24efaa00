"""A certificate authority that lives as long as the venue: its certificate is a file, its key never leaves memory."""

import os
import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme

CA_FILE = "ca.pem"
_MAX_NAMES = 256


class PaperAuthority:
    """Issues server certificates; for names that are not listed at once, on first use."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._ca = trustme.CA(organization_name="ESS paper venue, for tests only")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.context = self._issue(*hosts, "localhost", "127.0.0.1", "::1")
        self.context.sni_callback = self._pick

    def write(self, directory: Path) -> Path:
        """Write the CA certificate for clients to trust and return its path. Replaces one that is there."""
        directory.mkdir(parents=True, exist_ok=True)
        path, draft = directory / CA_FILE, directory / f".{CA_FILE}.{os.getpid()}"
        draft.write_bytes(self._ca.cert_pem.bytes())
        draft.replace(path)
        return path

    def _issue(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._ca.issue_cert(*names).configure_cert(context)
        return context

    def _pick(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        """Answer for any name a pinned client asks for, so that a leaked request is seen instead of failing early."""
        if not name:
            return
        found = self._contexts.get(name)
        if found is None:
            if len(self._contexts) >= _MAX_NAMES:
                return
            found = self._contexts[name] = self._issue(name)
        connection.context = found
