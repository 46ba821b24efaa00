"""A web application whose order routes are closed while trading is stopped.

    .venv/bin/pip install fastapi uvicorn       # not with `make run`; `make dev` has them
    .venv/bin/uvicorn --app-dir examples fastapi_app:app

The gate lives as long as the application. Routes that send orders depend on ``allowed``; ``/status``, ``/trigger`` and
``/reset`` are what a dashboard needs. Who may call those is for your own authentication to say: put it in front.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import grpc.aio
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb.emergency_stop_pb2_grpc import EmergencyStopServiceStub

TARGET = os.environ.get("ESS_TARGET", "127.0.0.1:50051")
HTTP_OF = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
}


class Order(BaseModel):
    """An order to send."""

    symbol: str
    side: str
    quantity: float = Field(gt=0)
    reduce_only: bool = False


class Trigger(BaseModel):
    """Why and what to stop; all of it may be left out."""

    reason: str = ""
    scope: str = ""
    by: str = ""


class Reset(BaseModel):
    """What the person has looked at, and why trading may go on."""

    revision: int
    reason: str
    by: str
    scope: str = ""
    overrides: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the gate and the channel with the application, and close them with it."""
    async with OrderGate(TARGET, subscriber_id="web") as gate, grpc.aio.insecure_channel(TARGET) as channel:
        app.state.gate, app.state.ess = gate, EmergencyStopServiceStub(channel)
        yield


app = FastAPI(title="orders", lifespan=lifespan)


async def allowed(order: Order, request: Request) -> Order:
    """Let an order pass only if the gate does. An exit passes always."""
    gate: OrderGate = request.app.state.gate
    verdict = gate.check("account/main", f"symbol/{order.symbol}", reduce_only=order.reduce_only)
    if not verdict:
        raise HTTPException(503, {"reason": verdict.reason, "detail": verdict.detail})
    return order


@app.exception_handler(grpc.aio.AioRpcError)
async def refused(_: Request, error: grpc.aio.AioRpcError) -> JSONResponse:
    """Pass on the server's own words: they say what to do next."""
    return JSONResponse({"detail": error.details()}, HTTP_OF.get(error.code(), 503))


@app.post("/orders")
async def send(order: Annotated[Order, Depends(allowed)]) -> dict[str, str]:
    """Send an order; the router of your choice goes here."""
    return {"sent": f"{order.side} {order.quantity} {order.symbol}"}


@app.get("/status")
async def status(request: Request) -> dict[str, object]:
    """Tell whether trading is stopped, and the revision that a reset has to name."""
    state = await request.app.state.ess.GetState(pb.GetStateRequest(), timeout=5)
    gate: OrderGate = request.app.state.gate
    return {
        "summary": state.summary,
        "stopped": state.state.status != pb.STOP_STATUS_INACTIVE,
        "revision": state.state.revision,
        "gate": gate.state.status,
        "warnings": [f"{w.evaluator} past {w.tier_percent} %" for w in state.state.warnings],
    }


@app.post("/trigger")
async def trigger(request: Request, body: Trigger) -> dict[str, object]:
    """Stop trading. It is never refused."""
    asked = pb.TriggerRequest(reason=body.reason, scope=body.scope, requested_by=body.by)
    done = await request.app.state.ess.Trigger(asked, timeout=5)
    return {"summary": done.summary, "durable": done.stop.durable, "warnings": list(done.warnings)}


@app.post("/reset")
async def reset(request: Request, body: Reset) -> dict[str, object]:
    """Let trading go on, for a person who names the revision of ``/status``."""
    asked = pb.ResetRequest(
        revision=body.revision,
        reason=body.reason,
        requested_by=body.by,
        scope=body.scope,
        overrides=body.overrides,
    )
    done = await request.app.state.ess.Reset(asked, timeout=15)
    return {"summary": done.summary, "revision": done.state.revision}
