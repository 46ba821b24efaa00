"""Numbers that the venue gives out."""


class Numbers:
    """Rising numbers, one series per kind. Order numbers never collide with conditional ones."""

    def __init__(self) -> None:
        self._order = 8_000_000_000
        self._conditional = 1_000_000
        self._fill = 500_000_000
        self._cash = 900_000_000

    def order(self) -> int:
        """Return the next order number."""
        self._order += 1
        return self._order

    def conditional(self) -> int:
        """Return the next conditional order number."""
        self._conditional += 1
        return self._conditional

    def fill(self) -> int:
        """Return the next fill number."""
        self._fill += 1
        return self._fill

    def cash(self) -> int:
        """Return the next number of a cash flow."""
        self._cash += 1
        return self._cash
