"""A request that comes again with its id is answered as before; another request never is."""

from dataclasses import replace

import pytest

from ess_server.core.errors import ResetRefusedError, RevisionMismatchError
from ess_server.core.release import Outcome

from .rig import Rig
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop


async def test_repeated_request_is_answered_again(rig: Rig) -> None:
    """The same id, scope and revision again get the answer of the release that was done."""
    await rig.stop()
    request = rig.request(request_id="r")
    first = await rig.resets.reset(request)
    assert await rig.resets.reset(request) is first
    assert rig.kinds.count("stop.released") == 2, "the commissioning, and one"


async def test_repeated_id_for_what_stands_now_is_a_new_request(rig: Rig) -> None:
    """An id that comes again for a later stop is judged anew: RELEASED is never said of what still stands."""
    await rig.stop()
    request = rig.request(request_id="r")
    await rig.resets.reset(request)
    await rig.stop()
    with pytest.raises(RevisionMismatchError):
        await rig.resets.reset(replace(request, revision=request.revision + 1))
    assert not (await rig.resets.reset(rig.request(request_id="r"))).state.active


async def test_check_is_never_answered_by_an_earlier_release(rig: Rig) -> None:
    """A check with the id of a release is a check."""
    await rig.stop()
    request = rig.request(request_id="r")
    await rig.resets.reset(request)
    result = await rig.resets.reset(replace(request, validate_only=True))
    assert result.outcome is Outcome.VALIDATED


async def test_id_of_a_refused_request_is_free(rig: Rig) -> None:
    """What was refused is judged anew when it comes again with the same id."""
    await rig.stop()
    with pytest.raises(RevisionMismatchError):
        await rig.reset(request_id="r", revision=1)
    assert not (await rig.reset(request_id="r")).state.active


async def test_hold_and_reset_share_no_ids(rig: Rig) -> None:
    """The id of a hold is not that of a reset."""
    await rig.stop()
    await rig.hold(request_id="r")
    assert not (await rig.reset(request_id="r")).state.active


async def test_remembered_ids_are_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest answers are kept."""
    monkeypatch.setattr("ess_server.core.reset.REMEMBERED_REQUESTS", 1)
    requests = []
    for name in "ab":
        await rig.stop()
        requests.append(rig.request(request_id=name))
        await rig.resets.reset(requests[-1])
    with pytest.raises(ResetRefusedError, match="NOT_STOPPED"):
        await rig.resets.reset(requests[0])
    assert (await rig.resets.reset(requests[1])).outcome is Outcome.RELEASED
