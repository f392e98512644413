"""What becomes of a connection to a bridge that wants a key."""

from __future__ import annotations

import zmq
from zmq.utils.monitor import parse_monitor_message

from ._curve_key import FAILURES, CurveKey

_BROKEN_MAX = 3  # handshakes that end without a word: a bridge that goes down makes one


class Handshakes:
    """Why a socket that connects does not get in, by its monitor."""

    def __init__(self, socket: zmq.Socket, key: CurveKey | None) -> None:
        self._socket = socket
        self._key = key
        self._broken = 0
        self.monitor = socket.get_monitor_socket(FAILURES)

    def trouble(self) -> str:
        """What the bridge has against it; "" where nothing is known."""
        key = self._key
        found = ""
        while self.monitor.poll(0):
            event = parse_monitor_message(self.monitor.recv_multipart())["event"]
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH and key is not None:
                found = "does not let in the key of %s: it is not listed, no longer, or has no business there" % key.path
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                found = "does not let this user in"
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                found = "wants a key: curve=FILE or $PPO_CURVE_FILE" if key is None else "does not take keys"
            elif key is not None:
                self._broken += 1
                if self._broken >= _BROKEN_MAX:
                    found = "is not the one whose key is in %s, the third there" % key.path
        return found

    def close(self) -> None:
        self._socket.disable_monitor()
        self.monitor.close(0)
