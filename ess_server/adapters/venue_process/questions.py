"""Questions to the venue process, and the answers that come back."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from ess_server.core.venue_wire import Message


@dataclass(slots=True)
class _Question:
    """``answer`` is None if the link went down before there was one."""

    message: Message
    answer: "asyncio.Future[Message | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Questions:
    """Asks one life of the process; each question has a number that its answer repeats.

    ``on_new`` is called when there is something to send.
    """

    def __init__(self, on_new: Callable[[], None]) -> None:
        self._on_new = on_new
        self._asked = 0
        self._unsent: deque[_Question] = deque()
        self._unanswered: dict[int, _Question] = {}

    async def ask(self, type_: str, within: timedelta, **fields: object) -> Message | None:
        """Return the answer, None if the process ended before. Raises TimeoutError."""
        self._asked += 1
        number = self._asked
        question = _Question({"type": type_, "id": number, "timeout_s": within.total_seconds(), **fields})
        self._unsent.append(question)
        self._unanswered[number] = question
        self._on_new()
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await question.answer
        finally:
            self._unanswered.pop(number, None)

    def next_message(self) -> Message | None:
        """Return a question to be sent, None if there is none."""
        return self._unsent.popleft().message if self._unsent else None

    def answered(self, message: Message) -> None:
        """Take an answer; one that nobody waits for any more is dropped."""
        question = self._unanswered.pop(message.get("id", 0), None)
        if question is not None and not question.answer.done():
            question.answer.set_result(message)

    def drop(self) -> None:
        """Answer every question with None: the process is gone."""
        self._unsent.clear()
        for question in self._unanswered.values():
            if not question.answer.done():
                question.answer.set_result(None)
        self._unanswered.clear()
