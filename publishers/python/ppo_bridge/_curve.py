"""The key by which a publisher says over ZeroMQ who it is (CURVE), and what becomes of it."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field

import zmq

from ._log import log

FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)

_BYTES_MAX = 4096
_KEY_CHARACTERS = 40

# Handshakes that end without a word, one after the other: a bridge that goes down makes one.
_BROKEN_MAX = 3
# ZeroMQ comes again at once or never.
_AGAIN_S = 5.0


@dataclass(frozen=True)
class CurveKey:
    path: str
    public: bytes
    secret: bytes = field(repr=False)
    server: bytes

    def set_on(self, socket: zmq.Socket) -> None:
        socket.curve_publickey = self.public
        socket.curve_secretkey = self.secret
        socket.curve_serverkey = self.server


def find_key(path: str | os.PathLike | None) -> CurveKey | None:
    """What `ppo-bridge curve create NAME` wrote to the file `path`, or to $PPO_CURVE_FILE; None without
    either. Raises ValueError where it cannot be used."""
    path = os.environ.get("PPO_CURVE_FILE", "") if path is None else os.fspath(path)
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            words = file.read(_BYTES_MAX).split()
    except OSError as error:
        raise ValueError("curve is '%s': %s" % (path, error.strerror)) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError("curve is '%s', which others can read; run: chmod 600 %s" % (path, path))
    if len(words) != 3 or any(len(word) != _KEY_CHARACTERS for word in words):
        text = "curve is '%s'; must be a file of three keys of %d characters, as `ppo-bridge curve create NAME` makes it"
        raise ValueError(text % (path, _KEY_CHARACTERS))
    if not zmq.has("curve"):
        raise ValueError("curve is '%s', but this libzmq was built without CURVE" % path)
    return CurveKey(path, *words)


class Handshakes:
    """What the monitor of a connecting socket tells of them: says once what is wrong, and when to try
    again. One thread."""

    def __init__(self, endpoint: str, key: CurveKey | None) -> None:
        self._endpoint = endpoint
        self._key = key
        self._broken = 0
        self._said = ""
        self.again_at: float | None = None  # to connect anew: ZeroMQ does not, or would without a pause

    def succeeded(self) -> None:
        self._broken, self._said, self.again_at = 0, "", None

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
        if why != self._said:
            self._said = why
            log.warning("the bridge at %s %s; events wait, it is tried again", self._endpoint, why)

    def connect_again(self, socket: zmq.Socket) -> None:
        """Where it is time."""
        if self.again_at is None:
            return
        try:
            socket.disconnect(self._endpoint)
        except zmq.ZMQError:
            pass  # ZeroMQ had given it up already
        if time.monotonic() >= self.again_at:
            self.again_at = None
            socket.connect(self._endpoint)
