"""Page sizes and tokens, the same for every list."""

from ess_server.core.errors import InvalidRequestError


def page_size(asked: int, default: int, most: int) -> int:
    """Return the number of rows to send. Raises InvalidRequestError for a negative one."""
    if asked < 0:
        raise InvalidRequestError("page_size", f"{asked} is negative; ask for 1 to {most}, or 0 for {default}")
    return min(asked, most) or default


def page_token(token: str) -> int:
    """Return where the next page starts. Raises InvalidRequestError for a token that this server did not make."""
    if token and not (token.isascii() and token.isdigit() and len(token) <= 18):  # noqa: PLR2004 - fits 64 bits
        raise InvalidRequestError("page_token", "is not one that this server made; start again without it")
    return int(token or 0)
