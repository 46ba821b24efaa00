"""From domain errors to gRPC statuses: one table, and the interceptor that applies it."""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from ess_server.core.errors import (
    CapacityError,
    EssError,
    InvalidRequestError,
    ResetRefusedError,
    RevisionMismatchError,
    StoreError,
)

STATUS: tuple[tuple[type[EssError], grpc.StatusCode], ...] = (
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (RevisionMismatchError, grpc.StatusCode.ABORTED),
    (ResetRefusedError, grpc.StatusCode.FAILED_PRECONDITION),
    (CapacityError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (StoreError, grpc.StatusCode.UNAVAILABLE),
)
"""First match counts; anything else is INTERNAL and says nothing of the inside."""

_log = logging.getLogger("ess.service")

# gRPC's own classes cannot be subscripted at run time.
if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any] | None
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Handler = grpc.RpcMethodHandler
    Context = grpc.aio.ServicerContext


async def abort(context: Context, error: Exception) -> NoReturn:
    """End the call with the status of ``error``."""
    for kind, code in STATUS:
        if isinstance(error, kind):
            await context.abort(code, str(error))
    _log.error("a call failed", exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "internal error; the server's log names it")


class ErrorToStatus(grpc.aio.ServerInterceptor):
    """Applies the table to unary calls. Streams end themselves, and pass through untouched."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap a unary handler."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        inner: Any = handler.unary_unary

        async def answer(request: object, context: Context) -> object:
            try:
                return await inner(request, context)
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - becomes a status, and is logged unless it is in the table
                await abort(context, error)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
