"""What a trading engine installs to obey an Emergency Stop System: a local gate that every order passes.

``OrderGate`` here is for threads, ``ess_client.aio.OrderGate`` for asyncio; ``guard`` puts a gate in front of a
ccxt exchange; ``Reporter``, in both as well, tells the server what the engine observes; ``ess_client.testing`` is
for the tests of engines.
"""

from ess_client._face import OrderCheck
from ess_client._guard import guard
from ess_client._model import DenyReason, GateState, GateStatus, LimitWarning, OrderDenied, Stop, Verdict
from ess_client._order_gate import OrderGate
from ess_client._report_queue import ReportStats
from ess_client._reporter import Reporter

__all__ = [
    "DenyReason",
    "GateState",
    "GateStatus",
    "LimitWarning",
    "OrderCheck",
    "OrderDenied",
    "OrderGate",
    "ReportStats",
    "Reporter",
    "Stop",
    "Verdict",
    "guard",
]
