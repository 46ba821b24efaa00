"""OKX's request security: key, passphrase, timestamp and a signature over time, method, path and body."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from ess_server.venue.paper.credentials import ApiKey, KeyRing
from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.okx.codes import OkxError

KEY_HEADER = "OK-ACCESS-KEY"
_SIGN, _TIME, _PASSPHRASE = "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-PASSPHRASE"
_MAX_AGE = timedelta(seconds=30)
_REQUIRED = ((KEY_HEADER, "50103"), (_PASSPHRASE, "50104"), (_SIGN, "50106"), (_TIME, "50107"))


def authenticate(call: Call, keys: KeyRing, now: datetime) -> ApiKey:
    """Return the key that signed the call.

    Raises OkxError with HTTP 401: 50103 to 50107 for an empty header or a wrong passphrase, 50111 for an unknown key,
    50112 and 50102 for a time that cannot be read or is off by more than 30 s, 50113 for a wrong signature.
    """
    for name, code in _REQUIRED:
        if not call.headers.get(name):
            raise _denied(code, f"Request header {name} cannot be empty.")
    key = keys.find(call.headers[KEY_HEADER])
    if key is None:
        raise _denied("50111", "Invalid OK-ACCESS-KEY.")
    if abs(now - _sent_at(call.headers[_TIME])) > _MAX_AGE:
        raise _denied("50102", "Timestamp request expired.")
    if not _same(call.headers[_PASSPHRASE], key.passphrase):
        raise _denied("50105", f"Request header {_PASSPHRASE} incorrect.")
    if not _same(call.headers[_SIGN], _signature(call, key)):
        raise _denied("50113", "Invalid Sign")
    return key


def _sent_at(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _denied("50112", "Invalid OK-ACCESS-TIMESTAMP.") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _signature(call: Call, key: ApiKey) -> str:
    target = f"{call.path}?{call.query}" if call.query else call.path
    payload = call.headers[_TIME] + call.method + target + call.body
    return base64.b64encode(hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).digest()).decode()


def _same(sent: str, expected: str) -> bool:
    return hmac.compare_digest(sent.encode(), expected.encode())


def _denied(code: str, message: str) -> OkxError:
    return OkxError(code, message, 401)
