"""A stop by hand from beginning to end, as a program of the operations desk would do it over gRPC.

    .venv/bin/python examples/manual_workflow.py

Looks, stops one account, waits until every gate has confirmed, asks what stands in the way of a reset, and resets
by the revision that it has looked at.
"""

import os

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb.emergency_stop_pb2_grpc import EmergencyStopServiceStub

TARGET = os.environ.get("ESS_TARGET", "127.0.0.1:50051")
SCOPE = "account/main"
DESK = "ann@desk"


def main() -> None:
    """Stop and resume one account."""
    with grpc.insecure_channel(TARGET) as channel:
        ess = EmergencyStopServiceStub(channel)
        print("before:", ess.GetState(pb.GetStateRequest()).summary)

        # An id makes the request safe to repeat when the answer is lost; `{}` would be a complete request too.
        trigger = pb.TriggerRequest(
            scope=SCOPE,
            reason="quotes look wrong, stopping to have a look",
            requested_by=DESK,
            action=pb.STOP_ACTION_BLOCK,
            request_id=os.urandom(8).hex(),
        )
        trigger.wait.seconds = 2
        stopped = ess.Trigger(trigger)
        print("stopped:", stopped.summary)
        print("on disk:", stopped.stop.durable, *stopped.warnings)

        # Somebody else may have stopped it too, meanwhile: a reset names what its author has seen.
        seen = ess.GetState(pb.GetStateRequest()).state.revision
        reset = pb.ResetRequest(scope=SCOPE, revision=seen, reason="feed was restarted", requested_by=DESK)
        reset.validate_only = True
        refusals = ess.Reset(reset).refusals
        for refusal in refusals:
            print("in the way:", refusal.reason, "-", refusal.detail)

        reset.validate_only = False
        # Overriding is a decision. Here nothing but a gate that has not confirmed may be passed over.
        reset.overrides.extend(r.reason for r in refusals if r.reason == "UNCONFIRMED_GATES")
        try:
            print("after:", ess.Reset(reset).summary)
        except grpc.RpcError as refused:
            print("refused:", refused.code().name, refused.details())
            raise SystemExit(1) from None


if __name__ == "__main__":
    main()
