"""Bybit v5's request security: key, timestamp and window in headers, HMAC-SHA256 over them and query or body."""

import hashlib
import hmac
from datetime import datetime

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.credentials import ApiKey, KeyRing
from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.bybit.codes import BybitError

KEY_HEADER = "X-BAPI-API-KEY"
_TIME, _WINDOW, _SIGN = "X-BAPI-TIMESTAMP", "X-BAPI-RECV-WINDOW", "X-BAPI-SIGN"
DEFAULT_RECV_WINDOW_MS = 5_000
AHEAD_MS = 1_000
_UNAUTHORIZED = 401
_MAX_DIGITS = 15


def authenticate(call: Call, keys: KeyRing, now: datetime) -> ApiKey:
    """Return the key that signed the call.

    Raises BybitError: HTTP status 401 if a header is missing, 10003 for an unknown key, 10002 for a timestamp outside
    the window, 10004 for a wrong signature.
    """
    header, stamp, sign = (call.headers.get(name, "") for name in (KEY_HEADER, _TIME, _SIGN))
    if not (header and stamp and sign):
        raise BybitError(10007, "User authentication failed.", _UNAUTHORIZED)
    key = keys.find(header)
    if key is None:
        raise BybitError(10003, "API key is invalid.")
    window = call.headers.get(_WINDOW, "")
    _check_time(stamp, window, now)
    content = call.query if call.method == "GET" else call.body
    payload = f"{stamp}{header}{window}{content}"
    expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), sign.lower().encode()):
        raise BybitError(10004, "Error sign, please check your signature generation algorithm.")
    return key


def _check_time(stamp: str, window: str, now: datetime) -> None:
    """Require ``now - window <= stamp < now + 1 s``, the rule that the exchange publishes."""
    server = milliseconds(now)
    sent, span = _number(stamp, None), _number(window, DEFAULT_RECV_WINDOW_MS)
    if sent is None or span is None or not server - span <= sent < server + AHEAD_MS:
        text = f"req_timestamp[{stamp[:20]}],server_timestamp[{server}],recv_window[{window[:20]}]"
        raise BybitError(10002, f"invalid request, please check your server timestamp or recv_window param. {text}")


def _number(text: str, default: int | None) -> int | None:
    if not text:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
