"""``ess subscribers``: who is known to deny, and who is not."""

from collections.abc import Callable
from pathlib import Path

from ess_client import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess, eventually
from tests.cli.scripted import ScriptedService

Script = Callable[..., ScriptedService]


def test_a_gate_that_never_came_is_missing_and_one_that_did_is_confirmed(tmp_path: Path) -> None:
    """The list names every gate with what it has confirmed; --unconfirmed leaves only those not known to deny."""
    config = tmp_path / "ess.toml"
    config.write_text('[server]\nexpected_subscribers = ["engine-1", "engine-2"]\n')
    server = ServeProcess(tmp_path / "data", tmp_path / "log", arguments=("--config", str(config))).start()
    try:
        with OrderGate(server.target, subscriber_id="engine-1"):
            eventually(lambda: "CONFIRMED" in server.ess("subscribers").out)

            all_of_them = server.ess("subscribers")
            unconfirmed = server.ess("subscribers", "--unconfirmed", "--json")
    finally:
        server.end()

    assert all_of_them.code == Exit.OK
    assert "gates: 1 of 2 confirmed, 1 MISSING" in all_of_them.out
    assert all_of_them.out.index("engine-2 (expected)") < all_of_them.out.index("engine-1 (expected)")
    (missing,) = unconfirmed.json["subscribers"]
    assert (missing["subscriber_id"], missing["status"]) == ("engine-2", "SUBSCRIBER_STATUS_MISSING")


def test_every_page_is_read(script: Script, here: Here) -> None:
    """More gates than fit into one answer are all listed."""

    def answer(request: pb.ListSubscribersRequest) -> pb.ListSubscribersResponse:
        page = int(request.page_token or 0)
        gate = pb.Subscriber(subscriber_id=f"engine-{page}", status=pb.SUBSCRIBER_STATUS_PENDING)
        return pb.ListSubscribersResponse(subscribers=[gate], next_page_token=str(page + 1) if page < 4 else "")

    done = here("--target", script(ListSubscribers=answer).target, "subscribers", "--json")

    assert [s["subscriber_id"] for s in done.json["subscribers"]] == [f"engine-{n}" for n in range(5)]
