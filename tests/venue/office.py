"""The server's side of the venue process over a child that follows a script."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from ess_server.adapters.venue_process import LinkTimes, VenueProcess
from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings
from ess_server.core.model import AccountProgress, Action, FlattenStatus, Work
from ess_server.core.readings import EquityReading, ExecutionReport, FeedUpdate
from ess_server.core.venue_link import VenueSettings
from ess_server.testing.waiting import eventually

QUICK = LinkTimes(
    silence=timedelta(seconds=1),
    write=timedelta(milliseconds=500),
    end=timedelta(milliseconds=500),
    restart_first=timedelta(milliseconds=20),
    restart_last=timedelta(milliseconds=100),
)


EXPIRY = FlattenSettings(request_expiry=timedelta(milliseconds=100), quiet_window=timedelta(milliseconds=60))


FLATTEN = Work(account="main", stop_id="stop-1", action=Action.FLATTEN)


PRELUDE = """
import json, os, sys, time
def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()
def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)
def hear_work():
    while (message := hear())["type"] != "work":
        pass
    return message["work"]["main"]
def progress(entry, status, **changes):
    work = entry["work"] or {"stop_id": ""}
    message = {"account": "main", "generation": entry["generation"], "open_orders": 0, "open_positions": 0, **changes}
    say(type="progress", venue="paper", status=status, read_time=None, detail="", stop_id=work["stop_id"], **message)
def obey():
    while True:
        entry = hear_work()
        if entry["work"]:
            progress(entry, "FLAT")
life = os.path.join(os.environ["LIVES"], "life")
lives = len(os.listdir(os.environ["LIVES"]))
open(life + str(lives), "w").close()
"""


class Office:
    """A VenueProcess over a scripted child, and everything that it told."""

    def __init__(self, lives: Path) -> None:
        self.lives = lives
        self.events: list[tuple[str, str, Mapping[str, str]]] = []
        self.shown: list[AccountProgress] = []
        self.equity: list[EquityReading] = []
        self.executions: list[ExecutionReport] = []
        self.updates: list[FeedUpdate] = []
        self.process: VenueProcess

    def open(self, settings: VenueSettings, command: tuple[str, ...], times: LinkTimes) -> None:
        """Make the process."""
        self.process = VenueProcess(
            settings,
            clock=SystemClock(),
            on_equity=self.equity.append,
            on_feed=self.updates.append,
            on_execution=self.executions.append,
            on_event=lambda *event: self.events.append(event),
            on_progress=self.shown.append,
            command=command,
            times=times,
        )

    def want(self, *work: Work) -> None:
        """Set the work."""
        self.process.set_work({w.account: w for w in work})

    @property
    def progress(self) -> AccountProgress:
        """What is shown of the account."""
        return self.process.progress()["main"]

    async def reaches(self, status: FlattenStatus, within: float = 10) -> None:
        """Wait for a status."""
        await eventually(lambda: self.progress.status is status, within=within)
