"""What becomes of a connection to a bridge that wants a key."""

from __future__ import annotations

import time

import zmq

from ._curve_key import CurveKey
from ._log import log

# Handshakes that end without a word, one after the other: a bridge that goes down makes one.
_BROKEN_MAX = 3
# ZeroMQ comes again at once or never.
_AGAIN_S = 5.0


class Handshakes:
    """What the monitor of a connecting socket tells of them: says once what is wrong, and when to try
    again. One thread."""

    def __init__(self, endpoint: str, key: CurveKey | None) -> None:
        self.endpoint = endpoint
        self._key = key
        self._broken = 0
        self._said: set[str] = set()  # since one succeeded
        self.again_at: float | None = None  # to connect anew: ZeroMQ does not, or would without a pause

    def succeeded(self) -> None:
        self._broken, self.again_at = 0, None
        self._said.clear()

    def move_to(self, endpoint: str) -> None:
        """The next socket connects to that one."""
        self.endpoint, self._broken, self.again_at = endpoint, 0, None

    def failed(self, event: int, value: int) -> None:
        key = self._key
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH and key is not None:
            why = "does not let in the key of %s: it is not listed there, no longer, or has no business there"
            self._trouble(why % key.path)
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._trouble("does not let this user in")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL and key is None:
            self._trouble("wants a key: curve=FILE or $PPO_CURVE_FILE")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL and key is not None:
            self._trouble("does not take keys, or is no bridge")
        elif key is not None:
            self._broken += 1
            if self._broken >= _BROKEN_MAX:
                self._trouble("is not the one whose key is in %s, the third there" % key.path)

    def _trouble(self, why: str) -> None:
        self.again_at = time.monotonic() + _AGAIN_S
        text = "the bridge at %s %s; events wait, it is tried again" % (self.endpoint, why)
        if text not in self._said:
            self._said.add(text)
            log.warning("%s", text)

    def connect_again(self, socket: zmq.Socket) -> None:
        """Where it is time."""
        if self.again_at is None:
            return
        try:
            socket.disconnect(self.endpoint)
        except zmq.ZMQError:
            pass  # ZeroMQ had given it up already
        if time.monotonic() >= self.again_at:
            self.again_at = None
            socket.connect(self.endpoint)
