"""Two threads per target: one reads the stream, one acknowledges and gives up a stream that has gone silent."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from ess_client._clock import now
from ess_client._session import ACK_SPREAD, ACK_TIMEOUT, MAX_BACKOFF, SILENCE, Session, StreamLostError
from ess_client._wire import Access, service_of, words_of
from ess_client.pb import emergency_stop_pb2 as pb

_LOGGER = logging.getLogger("ess_client")
_LOOK = 1.0
"""Seconds between two looks at whether the stream still speaks."""


class Follower:
    """Follows one target until closed: every failure ends in another attempt, and none opens the gate."""

    def __init__(self, session: Session, access: Access, lock: threading.Lock, noticed: Callable[[], None]) -> None:
        self._session = session
        self._access = access
        self._lock = lock
        self._noticed = noticed
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._call: Any = None  # grpc's type of a call that can be both read and cancelled is private
        self._ack_channel: grpc.Channel | None = None
        self._reported = ""
        self._threads = [
            threading.Thread(target=run, name=f"ess-gate-{name} {session.target}", daemon=True)
            for name, run in (("watch", self._watch), ("ack", self._acknowledge))
        ]

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask both threads to end."""
        self._closing.set()
        self._wake.set()
        self._give_up()

    def join(self, timeout: float) -> None:
        """Wait at most ``timeout`` seconds for each thread to end."""
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(timeout)

    def _watch(self) -> None:
        while not self._closing.is_set():
            pause = MAX_BACKOFF
            try:
                try:
                    self._follow_once()
                finally:
                    pause = self._ended()
            except (grpc.RpcError, StreamLostError) as error:
                self._report(words_of(error))
            except Exception:
                _LOGGER.exception("following %s failed; this target proves nothing", self._session.target)
            self._closing.wait(pause)

    def _ended(self) -> float:
        with self._lock:
            pause = self._session.close()
            self._noticed()
        return pause

    def _follow_once(self) -> None:
        with self._access.channel(self._session.target) as channel:
            with self._lock:
                request = self._session.open()
            call = self._call = service_of(channel).WatchState(request, metadata=self._access.metadata)
            try:
                # close() sets the flag before it cancels, so one of the two always ends this call.
                if not self._closing.is_set():
                    self._read(call)
            finally:
                call.cancel()

    def _read(self, messages: Iterable[pb.WatchStateResponse]) -> None:
        for message in messages:
            arrived_at = now()
            with self._lock:
                keep = self._session.receive(message, arrived_at)
                self._noticed()
            if self._session.ack_in() <= ACK_SPREAD:
                self._wake.set()
            if not keep:
                raise StreamLostError("a message proves nothing by this stream's clock")
            self._reported = ""
        raise StreamLostError("the server ended the stream with OK")

    def _acknowledge(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(min(self._session.ack_in(), _LOOK))
            self._wake.clear()
            try:
                if self._session.is_silent():
                    self._report(f"nothing heard for {SILENCE:.0f} s")
                    self._give_up()
                self._send_acknowledgement()
            except grpc.RpcError as error:
                _LOGGER.debug("acknowledging to %s failed: %s", self._session.target, words_of(error))
                self._drop_ack_channel()
            except Exception:
                _LOGGER.exception("acknowledging to %s failed", self._session.target)
                self._drop_ack_channel()
                self._closing.wait(_LOOK)
        self._drop_ack_channel()

    def _send_acknowledgement(self) -> None:
        with self._lock:
            request = self._session.acknowledgement()
        if request is not None and not self._closing.is_set():
            # A channel of its own: a stream limit or a full window of the watch must not hold this up.
            self._ack_channel = self._ack_channel or self._access.channel(self._session.target)
            acknowledge = service_of(self._ack_channel).AcknowledgeState
            reply = acknowledge(request, timeout=ACK_TIMEOUT, metadata=self._access.metadata)
            with self._lock:
                self._session.acknowledged(reply)

    def _drop_ack_channel(self) -> None:
        if self._ack_channel is not None:
            self._ack_channel.close()
            self._ack_channel = None

    def _give_up(self) -> None:
        if self._call is not None:
            self._call.cancel()

    def _report(self, trouble: str) -> None:
        """Log a trouble when it is a new one: an outage is one line, not one per attempt."""
        level = logging.DEBUG if trouble == self._reported or self._closing.is_set() else logging.WARNING
        self._reported = trouble
        _LOGGER.log(level, "lost %s: %s; reconnecting", self._session.target, trouble)
