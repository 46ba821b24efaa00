"""A whole system around a controller, and a gate that connects to it."""

from datetime import timedelta

from ess_server.core.monitor import Monitor
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import EmergencyStopSystem
from ess_server.testing import fake_readings

from .rig import ANNA, Rig
from .virtual_time import running_clock
from .watching import FakeTripwire

LEASE = timedelta(seconds=1)


def system_over(rig: Rig) -> tuple[EmergencyStopSystem, FakeTripwire]:
    """Build a system around a controller."""
    tripwire = FakeTripwire()
    monitor = Monitor(controller=rig.controller, watched=(), readings=fake_readings(), tripwire=tripwire)
    system = EmergencyStopSystem(
        controller=rig.controller,
        resets=rig.resets,
        monitor=monitor,
        subscribers=SubscriberRegistry(expected=(), lease=LEASE, limit=lambda: 10, clock=running_clock()),
        flattener=rig.controller._flattener,
        log=rig.log,
        clock=running_clock(),
    )
    return system, tripwire


def gate(system: EmergencyStopSystem, *scopes: str) -> None:
    """Connect a gate."""
    system.subscribers.opened(subscriber_id="mm", session_id="1", actor=ANNA, scopes=scopes, client_version="")
