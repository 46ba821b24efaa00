"""An evaluator of one's own: one market's spread, too wide to trade or to close into at a fair price.

``docs/add-an-evaluator.md`` has the table that puts it in force. It reads what ``TelemetryService.Report`` or a venue
has told of the feed.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.limits import Finding, check_percent, judge, shown
from ess_server.core.evaluators.settings import check_duration
from ess_server.core.ports import Readings
from ess_server.core.readings import Instant, Measure, Unknown, Verdict


@dataclass(frozen=True, kw_only=True)
class WideSpreadSettings(EvaluatorSettings):
    """The keys of its table, beside those that every evaluator has.

    Attributes:
        feed: name of the feed.
        symbol: the one whose spread is watched.
        max_spread_percent: from bid to ask, of the bid; above 0 and at most 100. No default, for markets differ.
        max_age: how old the quote may be. 10 s, for a market worth watching is quoted every second.
    """

    feed: str
    symbol: str
    max_spread_percent: Decimal
    max_age: timedelta = field(default=timedelta(seconds=10), metadata={"unit": "s"})

    def __post_init__(self) -> None:
        EvaluatorSettings.__post_init__(self)
        check_percent("max_spread_percent", self.max_spread_percent)
        check_duration("max_age", self.max_age)


class WideSpread:
    """Trips when the spread reaches its limit. Unknown without a quote that is young and has two sound sides."""

    Settings = WideSpreadSettings

    def __init__(self, settings: WideSpreadSettings) -> None:
        self.name = settings.name
        self._limits = settings

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        limits = self._limits
        subject = f"{limits.feed} {limits.symbol}"
        quote = readings.feeds.updates(limits.feed).get(limits.symbol)
        # Written so that an age which is no number is too old.
        if quote is None or not abs(now.uptime - quote.received) <= limits.max_age.total_seconds():
            return Unknown(f"{subject}: no quote for {limits.max_age.total_seconds():g} s")
        bid, ask = quote.bid, quote.ask
        if bid is None or ask is None or not (bid.is_finite() and ask.is_finite() and 0 < bid <= ask):
            return Unknown(f"{subject}: bid {bid} and ask {ask} make no spread")
        spread, limit = (ask - bid) * 100 / bid, limits.max_spread_percent
        measure = Measure(value=spread, limit=limit, time=quote.time)
        finding = Finding(measure, f"spread of {shown(spread)} % ({bid:f} to {ask:f})", f"{limit:f} %")
        return judge(subject, [finding], warn_percent=limits.warn_percent)
