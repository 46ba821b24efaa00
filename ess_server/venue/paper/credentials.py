"""API keys: who may speak for which account."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of an account. Secret and passphrase never show in ``repr``.

    ``addresses`` and ``expires`` are told to who asks what the key may do, and not enforced.
    """

    key: str
    secret: str = field(repr=False)
    account: str
    passphrase: str = field(default="", repr=False)
    can_trade: bool = True
    can_withdraw: bool = False
    addresses: tuple[str, ...] = ()
    expires: datetime | None = None


class KeyRing:
    """Keys by their public part."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        """Take in a key. Raises ValueError if it is empty or known."""
        if not key.key or not key.secret or key.key in self._keys:
            raise ValueError("the API key is empty or already known")
        self._keys[key.key] = key

    def find(self, key: str) -> ApiKey | None:
        """Return the key, None for a stranger."""
        return self._keys.get(key)

    def remove(self, key: str) -> None:
        """Forget a key."""
        self._keys.pop(key, None)
