"""What is read of the server's own host, as frozen values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFigures:
    """How full the file system of ``path`` is.

    ``used_percent`` is of what its users may fill, 0 to 100; None if it could not be read, as ``problem`` then says.
    """

    path: str
    used_percent: Decimal | None
    available_bytes: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFigures:
    """Memory in use, that is not to be had without swapping, and swap space in use; both 0 to 100 percent."""

    used_percent: Decimal
    available_bytes: int
    swap_used_percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFigures:
    """The server's own host.

    ``load_per_core`` is the one-minute average of tasks that run or want to, per core. What could not be read is
    None, and ``problem`` says why. ``received`` is the uptime, in seconds, at which reading ended.
    """

    disks: tuple[DiskFigures, ...]
    memory: MemoryFigures | None
    load_per_core: Decimal | None
    problem: str = ""
    time: datetime
    received: float
