"""TelemetryService: each observation counts or is rejected on its own."""

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from decimal import Context as Digits
from decimal import Decimal

from ess_client.pb import telemetry_pb2 as pb
from ess_client.pb import telemetry_pb2_grpc as rpc
from ess_server.core.errors import CapacityError, InvalidRequestError
from ess_server.core.intake import Intake
from ess_server.core.latch import cut
from ess_server.core.ports import Clock
from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    FeedUpdate,
    HealthStatus,
)
from ess_server.core.reporter_losses import ReporterLosses
from ess_server.service.status import Context

MOST_OBSERVATIONS = 1000
MAX_TEXT_BYTES = 256
TURN = 50
"""Observations taken before others get their turn: heartbeats and stops must not wait for a whole report."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before this is a field that nobody set, or a broken clock."""
FURTHEST = timedelta(days=366)
"""A time further ahead than this is no clock that is merely wrong."""
_log = logging.getLogger("ess.telemetry")
_DECIMAL = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,200})?", re.ASCII)
_PLACES = 24
_SMALLEST = Decimal(1).scaleb(-_PLACES)
_DIGITS = Digits(prec=2 * _PLACES + 1)
_SIDES = {pb.SIDE_BUY: "buy", pb.SIDE_SELL: "sell"}


class RejectedError(Exception):
    """An observation does not count; ``reason`` is stable UPPER_SNAKE."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _decimal(text: str, field: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise RejectedError(
            "NOT_A_DECIMAL", f"{field}: {text[:40]!r} is not digits with at most one point; no exponent"
        )
    number = Decimal(text)
    if int(number.as_tuple().exponent) >= -_PLACES:
        return number
    # A division leaves more digits than anybody means.
    rounded = number.quantize(_SMALLEST, context=_DIGITS)
    if number and not rounded:
        raise RejectedError(
            "NOT_A_DECIMAL", f"{field}: {text[:40]!r} is less than {_PLACES} digits behind the point tell"
        )
    return rounded


def _optional(text: str, field: str) -> Decimal | None:
    return _decimal(text, field) if text else None


def _required(text: str, field: str) -> str:
    if not text:
        raise RejectedError("MISSING", f"{field}: is required")
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise RejectedError("TOO_LONG", f"{field}: is longer than {MAX_TEXT_BYTES} bytes")
    return text


class TelemetryServicer(rpc.TelemetryServiceServicer):
    """Reads reports and hands on what they say."""

    def __init__(
        self,
        intake: Intake,
        losses: ReporterLosses,
        accounts: frozenset[str],
        feeds: frozenset[str],
        clock: Clock,
    ) -> None:
        """``accounts`` are those of the configuration; ``feeds`` are read from venues, and taken from nobody else."""
        self._intake = intake
        self._losses = losses
        self._accounts = accounts
        self._feeds = feeds
        self._clock = clock

    async def Report(self, request: pb.ReportRequest, context: Context) -> pb.ReportResponse:
        """Take up to 1,000 observations. Raises InvalidRequestError if there are more."""
        if len(request.observations) > MOST_OBSERVATIONS:
            raise InvalidRequestError("observations", f"more than {MOST_OBSERVATIONS}; send them in several calls")
        rejections = []
        for index, observation in enumerate(request.observations):
            if index % TURN == TURN - 1:
                await asyncio.sleep(0)
            rejection = self._attempt(index, observation)
            if rejection is not None:
                rejections.append(rejection)
        self._losses.note(request.source, request.dropped)
        accepted = len(request.observations) - len(rejections)
        return pb.ReportResponse(accepted=accepted, rejections=rejections)

    def _attempt(self, index: int, observation: pb.Observation) -> pb.Rejection | None:
        try:
            self._take(observation)
        except RejectedError as no:
            return pb.Rejection(index=index, reason=no.reason, detail=str(no))
        except CapacityError as full:
            return pb.Rejection(index=index, reason="CAPACITY", detail=str(full))
        except Exception as error:  # noqa: BLE001 - one observation must not take the others with it
            _log.exception("observation %d could not be taken", index)
            detail = f"the server failed on it: {type(error).__name__}; see its log"
            return pb.Rejection(index=index, reason="INTERNAL_ERROR", detail=detail)
        return None

    def _take(self, observation: pb.Observation) -> None:
        kind = observation.WhichOneof("kind")
        match kind:
            case "equity":
                self._equity(observation)
            case "cash_flow":
                self._cash_flow(observation)
            case "execution":
                self._execution(observation)
            case "health":
                self._health(observation)
            case "feed":
                self._feed(observation)
            case _:
                raise RejectedError("UNKNOWN_KIND", "kind: unset, or newer than this server; update the server")

    def _time(self, observation: pb.Observation) -> datetime:
        now = self._clock.now()
        if not observation.HasField("observe_time"):
            return now
        try:
            time = observation.observe_time.ToDatetime(UTC)
        except (ValueError, OverflowError) as error:
            raise RejectedError("BAD_TIME", "observe_time: is out of range") from error
        if not EARLIEST <= time <= now + FURTHEST:
            raise RejectedError("BAD_TIME", "observe_time: is before 2000 or more than a year ahead; leave it unset")
        return time

    def _account(self, name: str) -> str:
        if name not in self._accounts:
            raise RejectedError("UNKNOWN_ACCOUNT", f"account: {name[:80]!r} is not in the configuration")
        return name

    def _equity(self, observation: pb.Observation) -> None:
        equity = observation.equity
        reading = EquityReading(
            account=self._account(equity.account),
            amount=_decimal(equity.amount, "equity.amount"),
            currency=_required(equity.currency, "equity.currency"),
            time=self._time(observation),
            received=self._clock.uptime(),
        )
        self._intake.equity(reading)
        if not reading.usable:
            detail = "equity.amount: is not above zero; the evaluator reads it as unknown"
            raise RejectedError("NOT_POSITIVE", detail)

    def _cash_flow(self, observation: pb.Observation) -> None:
        flow = observation.cash_flow
        self._intake.cash_flow(
            CashFlow(
                account=self._account(flow.account),
                id=_required(observation.observation_id, "observation_id"),
                amount=_decimal(flow.amount, "cash_flow.amount"),
                currency=_required(flow.currency, "cash_flow.currency"),
                time=self._time(observation),
            )
        )

    def _execution(self, observation: pb.Observation) -> None:
        execution = observation.execution
        try:
            execution_type = ExecutionType(execution.execution_type)
        except ValueError as error:
            raise RejectedError("UNKNOWN_TYPE", "execution_type: unset, or newer than this server") from error
        self._intake.execution(
            ExecutionReport(
                account=self._account(execution.account),
                id=_required(observation.observation_id, "observation_id"),
                symbol=_required(execution.symbol, "execution.symbol"),
                execution_type=execution_type,
                side=_SIDES.get(execution.side, ""),
                client_order_id=cut(execution.client_order_id, MAX_TEXT_BYTES),
                quantity=_optional(execution.quantity, "execution.quantity"),
                price=_optional(execution.price, "execution.price"),
                expected_price=_optional(execution.expected_price, "execution.expected_price"),
                stop_loss=execution.stop_loss,
                strategy=cut(execution.strategy, MAX_TEXT_BYTES),
                detail=cut(execution.detail, MAX_TEXT_BYTES),
                time=self._time(observation),
                received=self._clock.uptime(),
                reduce_only=execution.reduce_only,
            )
        )

    def _health(self, observation: pb.Observation) -> None:
        health = observation.health
        known = int(health.status) in {int(s) for s in HealthStatus}
        self._intake.health(
            ComponentHealth(
                component=_required(health.component, "health.component"),
                status=HealthStatus(health.status) if known else HealthStatus.CRITICAL,
                detail=cut(health.detail, MAX_TEXT_BYTES),
                time=self._time(observation),
                received=self._clock.uptime(),
            )
        )

    def _feed(self, observation: pb.Observation) -> None:
        feed = observation.feed
        if feed.feed in self._feeds:
            detail = f"feed.feed: {feed.feed[:80]!r} is read from its venue ([[feeds]]); report under another name"
            raise RejectedError("READ_FROM_VENUE", detail)
        self._intake.feed(
            FeedUpdate(
                feed=_required(feed.feed, "feed.feed"),
                symbol=cut(feed.symbol, MAX_TEXT_BYTES),
                bid=_optional(feed.bid, "feed.bid"),
                ask=_optional(feed.ask, "feed.ask"),
                last=_optional(feed.last, "feed.last"),
                sequence=feed.sequence if feed.HasField("sequence") else None,
                corrupt=feed.corrupt,
                detail=cut(feed.detail, MAX_TEXT_BYTES),
                time=self._time(observation),
                received=self._clock.uptime(),
                stamped=not observation.HasField("observe_time"),
            )
        )
