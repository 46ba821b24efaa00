"""Binance's request security: API key header, timestamp within recvWindow, HMAC-SHA256 over query and body."""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qsl

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.credentials import ApiKey, KeyRing
from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.binance.errors import BinanceError, missing
from ess_server.venue.paper.dialects.binance.params import Params

KEY_HEADER = "X-MBX-APIKEY"
DEFAULT_RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000


def read_params(call: Call) -> Params:
    """Merge query and form body; the query wins, as documented for the exchange."""
    values = dict(parse_qsl(call.body, keep_blank_values=True))
    values.update(parse_qsl(call.query, keep_blank_values=True))
    return Params(values)


def authenticate(call: Call, params: Params, keys: KeyRing, now: datetime) -> ApiKey:
    """Return the key that signed the call.

    Raises BinanceError -2014 without a key, -2015 for an unknown one, -1021 for a timestamp outside the window,
    -1022 for a wrong signature, -1102 for what is missing.
    """
    header = call.headers.get(KEY_HEADER, "")
    if not header:
        raise BinanceError(-2014, "API-key format invalid.", 401)
    key = keys.find(header)
    if key is None:
        raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    _check_time(params, now)
    _check_signature(call, params, key)
    return key


def _check_time(params: Params, now: datetime) -> None:
    window = params.integer("recvWindow", DEFAULT_RECV_WINDOW_MS)
    if not 0 < window <= MAX_RECV_WINDOW_MS:
        raise BinanceError(-1131, f"recvWindow must be less than {MAX_RECV_WINDOW_MS}")
    age = milliseconds(now) - params.integer("timestamp")
    if age < -AHEAD_MS:
        raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if age > window:
        raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _check_signature(call: Call, params: Params, key: ApiKey) -> None:
    sent = params.optional("signature")
    if not sent:
        raise missing("signature")
    payload = _unsigned(call.query) + _unsigned(call.body)
    expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), sent.lower().encode()):
        raise BinanceError(-1022, "Signature for this request is not valid.")


def _unsigned(text: str) -> str:
    """Cut the signature out and leave every other byte as it was sent."""
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))
