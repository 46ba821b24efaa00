"""For the tests of engines: a gate opened and closed by hand, and a server that says what it is told."""

from ess_client.testing._fake_gate import Checked, FakeGate
from ess_client.testing._scripted_server import ScriptedServer

__all__ = ["Checked", "FakeGate", "ScriptedServer"]
