"""API keys: who may speak for which account."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of an account. Secret and passphrase never show in ``repr``."""

    key: str
    secret: str = field(repr=False)
    account: str
    passphrase: str = field(default="", repr=False)
    can_trade: bool = True
    can_withdraw: bool = False


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
