"""No list of any venue is believed to be empty because its reply could not be understood."""

import json
from typing import Any

import pytest

from ess_server.core.errors import EssError
from ess_server.venue.unified.table import UNIFIED
from tests.venue.unified.case import Case, connect
from tests.venue.unified.cases import CASES
from tests.venue.unified.wire import Wire

BODIES = ("", " ", "<html><body>maintenance</body></html>", "{}", "[]", "null", '"ok"', "0", "[null]", '{"data":{}}')
CUT = "cut off"
ERROR = "an error in a 200"


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_no_list_is_empty_for_lack_of_sense(case: Case) -> None:
    """Each list, answered with each of these bodies while the others answer well, makes the whole reading unknown.

    Save for the bodies that are how this venue writes an empty list.
    """
    client, wire = connect(case)
    await client.prepare()
    wire.taken()
    await client.snapshot()
    lists = wire.taken()
    believed = []
    for asked in lists:
        bodies = {body: body for body in BODIES} | _spoilt(case, _text(wire, asked.path, asked))
        for name, body in bodies.items():
            wire.instead = {asked.key: body}
            try:
                await client.snapshot()
            except EssError:
                continue
            believed.append((asked.path, name))
    wire.instead = {}
    await client.snapshot()
    await client.aclose()

    assert sorted(believed) == sorted((path, body) for path, bodies in case.legal.items() for body in bodies)
    assert len(lists) == len(case.listing)


def _spoilt(case: Case, good: str) -> dict[str, str]:
    """Make bodies that are almost good: cut off, without what says that they are, or without the list."""
    made = {CUT: good[: -max(len(good) // 3, 1)], ERROR: case.refusal}
    reply = json.loads(good)
    if not isinstance(reply, dict):
        return made
    plan = UNIFIED[case.name]
    says = {key for listing in (*plan.positions, *plan.orders) for key in listing.says}
    paths = {listing.rows for listing in (*plan.positions, *plan.orders) if listing.rows}
    for key in says:
        made[f"no {key}"] = json.dumps({k: v for k, v in reply.items() if k != key})
        made[f"another {key}"] = json.dumps({**reply, key: ["no", "such"]})
    for *above, last in paths:
        spoilt = json.loads(good)
        holder = spoilt
        for key in above:
            holder = holder.get(key, {})
        if isinstance(holder, dict) and last in holder:
            holder[last] = None
            made[f"null for {last}"] = json.dumps(spoilt)
    return made


def _text(wire: Wire, path: str, asked: Any) -> str:
    answer = wire.answers[path]
    answer = answer(asked) if callable(answer) else answer
    return answer if isinstance(answer, str) else json.dumps(answer)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_page_that_is_refused_is_no_end(case: Case) -> None:
    """On a full account too, a list that fails on whichever of its pages leaves no snapshot."""
    client, wire = connect(case, full=True)
    await client.prepare()
    await client.snapshot()
    wire.taken()
    await client.snapshot()
    for asked in wire.taken():
        for answer in (case.refusal, (503, "<html>busy</html>"), (500, "")):
            wire.instead = {asked.key: answer}
            with pytest.raises(EssError):
                await client.snapshot()
    await client.aclose()
