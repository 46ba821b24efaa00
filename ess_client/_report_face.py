"""What every reporter offers to the engine, however it sends."""

import logging
import random
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import grpc

from ess_client import _observations as observed
from ess_client._observations import ExecutionType, HealthStatus, Number, Reported, Side
from ess_client._report_queue import ReportQueue, ReportStats
from ess_client._wire import Access, words_of
from ess_client.pb import telemetry_pb2 as pb

TIMEOUT = 2.0
"""Seconds after which a call counts as failed."""
SPACING = 0.005
"""Seconds between two calls at least: what is observed meanwhile goes together."""
FIRST_BACKOFF = 0.05
MAX_BACKOFF = 1.0
_HOPELESS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED)

_LOGGER = logging.getLogger("ess_client")


class ReportFace:
    """Takes observations from any thread and returns at once; it never raises for a value that cannot be sent.

    Each is stamped with the time at which it was handed over, unless ``time`` (aware) says when it was true; only an
    update of a feed is not, because its time is that of the source or none.
    What is no number, or has no time zone, is counted as rejected and logged, and an equity that is missing reads as
    unknown on the server, never as fine.
    """

    def __init__(self, target: str, access: Access, source: str, capacity: int) -> None:
        access.require_safe([target])
        self._target = target
        self._access = access
        self._source = source
        self._queue = ReportQueue(capacity)
        self._lock = threading.Lock()
        self._said: set[str] = set()

    @property
    def stats(self) -> ReportStats:
        """What became of everything that was reported."""
        with self._lock:
            return self._queue.stats

    def equity(self, account: str, amount: Number, currency: str, *, time: datetime | None = None) -> None:
        """Report equity of an account, open positions included."""
        self._report(lambda now: observed.equity(account, amount, currency, time=time or now))

    def cash_flow(
        self, account: str, amount: Number, currency: str, *, ident: str = "", time: datetime | None = None
    ) -> None:
        """Report a deposit, or with a negative amount a withdrawal. One ``ident`` counts once, whoever repeats it."""
        self._report(
            lambda now: observed.cash_flow(account, amount, currency, ident=ident or _new_id(), time=time or now)
        )

    def execution(
        self,
        account: str,
        symbol: str,
        execution_type: ExecutionType,
        *,
        ident: str = "",
        side: Side | None = None,
        client_order_id: str = "",
        quantity: Number | None = None,
        price: Number | None = None,
        expected_price: Number | None = None,
        stop_loss: bool = False,
        reduce_only: bool = False,
        strategy: str = "",
        detail: str = "",
        time: datetime | None = None,
    ) -> None:
        """Report what became of an order. One ``ident`` counts once, whoever repeats it; empty is a new one.

        Args:
            account: id in the server's configuration.
            symbol: unified symbol.
            execution_type: ``rejected`` is the venue's refusal, ``failed`` an order that got no answer.
            ident: unique id of the report, such as the venue's trade id.
            side: of the order.
            client_order_id: reports of one order share it.
            quantity: of the order, or of the fill.
            price: of the fill, or of a limit order.
            expected_price: when the order was decided; gives the slippage.
            stop_loss: the order was a protective stop.
            reduce_only: the venue does not let the order increase a position.
            strategy: id of the strategy.
            detail: the venue's words.
            time: when it happened.
        """
        self._report(
            lambda now: observed.execution(
                account,
                symbol,
                execution_type,
                ident=ident or _new_id(),
                time=time or now,
                side=side,
                client_order_id=client_order_id,
                quantity=quantity,
                price=price,
                expected_price=expected_price,
                stop_loss=stop_loss,
                reduce_only=reduce_only,
                strategy=strategy,
                detail=detail,
            )
        )

    def health(self, component: str, status: HealthStatus, detail: str = "", *, time: datetime | None = None) -> None:
        """Report how a component does. Call it from the component's own work, again and again: silence is news too."""
        self._report(lambda now: observed.health(component, status, detail, time=time or now))

    def feed(
        self,
        name: str,
        symbol: str = "",
        *,
        bid: Number | None = None,
        ask: Number | None = None,
        last: Number | None = None,
        sequence: int | None = None,
        corrupt: bool = False,
        detail: str = "",
        time: datetime | None = None,
    ) -> None:
        """Report an update of a market data feed. ``time`` is the source's; a price that is no number is corrupt."""
        self._report(
            lambda _: observed.feed(
                name,
                symbol,
                time=time,
                bid=bid,
                ask=ask,
                last=last,
                sequence=sequence,
                corrupt=corrupt,
                detail=detail,
            )
        )

    def _report(self, build: Callable[[datetime], Reported]) -> None:
        try:
            one = build(datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - a reading must never break the engine that took it
            problem = f"not sent: {error or type(error).__name__}"
            with self._lock:
                self._queue.refuse(problem)
            self._complain(problem)
            return
        with self._lock:
            self._queue.put(one)
            self._noticed()

    def _noticed(self) -> None:
        """Called under the lock when there is something to send."""

    def _next(self) -> pb.ReportRequest:
        with self._lock:
            request = self._queue.take()
        request.source = self._source
        return request

    def _answered(self, response: pb.ReportResponse) -> None:
        with self._lock:
            self._queue.answered(response.rejections)
            self._noticed()
        for rejection in response.rejections:
            self._complain(f"rejected by the server: {rejection.reason}: {rejection.detail}")

    def _failed(self, error: Exception) -> None:
        words = words_of(error)
        code = getattr(error, "code", None)
        hopeless = callable(code) and code() in _HOPELESS
        with self._lock:
            if hopeless:
                self._queue.refused(words)
            else:
                self._queue.failed()
            self._noticed()
        self._complain(f"refused by the server: {words}" if hopeless else f"not answered: {words}")

    def _complain(self, trouble: str) -> None:
        """Log each trouble once: an outage is one line, not one per attempt."""
        level = logging.DEBUG if trouble in self._said else logging.WARNING
        if len(self._said) < 100:  # noqa: PLR2004 - more kinds of trouble than a log needs
            self._said.add(trouble)
        _LOGGER.log(level, "report to the emergency stop: %s", trouble)


def pause_after(failures: int) -> float:
    """Return the pause after so many failures in a row, in seconds; drawn, so that engines do not come together."""
    longest = SPACING if not failures else min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def _new_id() -> str:
    return uuid.uuid4().hex
