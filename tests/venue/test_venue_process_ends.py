"""The server's side of the venue process: questions to it, a deaf one, and its end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

from ess_server.core.model import Action, FlattenStatus
from ess_server.testing.waiting import eventually
from tests.venue.office import FLATTEN, QUICK


async def test_a_process_that_does_not_read_blocks_nothing(hire: Callable[..., Any]) -> None:
    """Work can be replaced two hundred times while the process reads nothing; the next one gets only the newest."""
    office = await hire(
        "if lives == 0:\n"
        "    while True:\n"
        "        say(type='alive'); time.sleep(0.1)\n"
        "entry = hear_work()\n"
        "say(type='event', kind='heard', account='main', details={'stop_id': entry['work']['stop_id']})\n"
        "obey()\n"
    )
    await eventually(lambda: list(office.lives.iterdir()))
    symbols = tuple((f"S{n}/USDT:USDT", Action.FLATTEN) for n in range(2000))
    slowest = 0.0
    for number in range(200):
        began = monotonic()
        office.want(replace(FLATTEN, stop_id=f"stop-{number}", symbols=symbols))
        slowest = max(slowest, monotonic() - began)
        if number % 20 == 0:
            await asyncio.sleep(0.01)
    await eventually(lambda: any(kind == "heard" for kind, _, _ in office.events), within=15)

    heard = [details["stop_id"] for kind, _, details in office.events if kind == "heard"]
    assert heard == ["stop-199"]
    assert "does not read" in office.events[0][2]["detail"]
    assert slowest < 0.25


async def test_stopping_ends_a_process_that_will_not_go(hire: Callable[..., Any]) -> None:
    """A process that ignores the end of its pipe is killed after the time allowed, and stopping again is no error."""
    office = await hire("while True:\n    say(type='alive'); time.sleep(0.05)\n")
    await eventually(lambda: list(office.lives.iterdir()))
    began = monotonic()
    await office.process.stop()
    await office.process.stop()

    assert monotonic() - began < 3


async def test_a_command_that_cannot_be_started_is_told(hire: Callable[..., Any]) -> None:
    """No process at all: UNKNOWN with the reason, and after a while it is certain that nothing can act."""
    office = await hire("", command=("/nowhere/python",))
    office.want(FLATTEN)
    await eventually(lambda: office.events)

    assert office.progress.status is FlattenStatus.UNKNOWN
    assert "could not be started" in office.events[0][2]["detail"]
    assert await office.process.quiesce(["main"], timedelta(seconds=3)) is False
    office.want()
    assert await office.process.quiesce(["main"], timedelta(milliseconds=10)) is False
    assert await office.process.quiesce(["main"], timedelta(seconds=3)) is True


async def test_quiesce_asks_the_process(hire: Callable[..., Any]) -> None:
    """The answer is the process's; with work it is no without asking, in time it is no when none comes."""
    office = await hire(
        "answers = [True, False]\n"
        "while True:\n"
        "    message = hear()\n"
        "    if message['type'] == 'quiesce' and answers:\n"
        "        say(type='quiesced', id=message['id'], ok=answers.pop(0))\n"
    )
    await eventually(lambda: list(office.lives.iterdir()))

    assert await office.process.quiesce(["main"], timedelta(seconds=5)) is True
    assert await office.process.quiesce(["main", "unknown"], timedelta(seconds=5)) is False
    assert await office.process.quiesce(["main"], timedelta(milliseconds=50)) is False
    office.want(FLATTEN)
    assert await office.process.quiesce(["main"], timedelta(seconds=5)) is False


async def test_quiesce_survives_the_death_of_the_process(hire: Callable[..., Any]) -> None:
    """A question that died with its process is put to the next one, after the work that came before it."""
    office = await hire(
        "while (message := hear())['type'] != 'quiesce': pass\n"
        "if lives == 0: sys.exit(1)\n"
        "say(type='quiesced', id=message['id'], ok=True)\n"
        "obey()\n"
    )
    await eventually(lambda: list(office.lives.iterdir()))

    assert await office.process.quiesce(["main"], timedelta(seconds=8)) is True
    assert len(list(office.lives.iterdir())) == 2


async def test_a_process_that_is_given_up_but_still_lives_can_act(hire: Callable[..., Any]) -> None:
    """From the loss of the link until the process is really gone nothing is certain."""
    office = await hire(
        "began = time.monotonic()\n"
        "while time.monotonic() - began < 1.3: say(type='alive'); time.sleep(0.1)\n"
        "os.close(1)\n"
        "while True: time.sleep(0.1)\n",
        times=replace(QUICK, end=timedelta(seconds=2)),
    )
    await eventually(lambda: office.process._down == "is down")

    assert await office.process.quiesce(["main"], timedelta(milliseconds=300)) is False


async def test_the_same_work_under_another_stop_keeps_its_outcome(hire: Callable[..., Any]) -> None:
    """A mere change of the stop is shown at once, keeps the status, and words under the earlier stop carry it too."""
    office = await hire(
        "entry = hear_work()\n"
        "while not entry['work']: entry = hear_work()\n"
        "progress(entry, 'CLOSING')\n"
        "later = hear_work()\n"
        "progress(entry, 'VERIFYING')\n"
        "assert later['generation'] == entry['generation'] and later['work']['stop_id'] == 'stop-2'\n"
        "progress(later, 'FLAT')\n"
        "obey()\n"
    )
    office.want(FLATTEN)
    await office.reaches(FlattenStatus.CLOSING)
    begun = len(office.shown)
    office.want(replace(FLATTEN, stop_id="stop-2"))

    assert office.progress.status is FlattenStatus.CLOSING
    await office.reaches(FlattenStatus.FLAT)
    assert {p.stop_id for p in office.shown[begun:]} == {"stop-2"}
    assert FlattenStatus.PENDING not in [p.status for p in office.shown[begun:]]
