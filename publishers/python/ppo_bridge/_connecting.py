"""What publishers and bots that connect to a bridge over ZeroMQ have in common: how often and how long they try, and
the key by which they say who they are (CURVE). Both packages have it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

import zmq

FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)

# How soon a bridge that started is found, and how long a connection may take to be made.
_TRYING = {"RECONNECT_IVL": 50, "RECONNECT_IVL_MAX": 1000, "HANDSHAKE_IVL": 5000, "CONNECT_TIMEOUT": 5000}
_BROKEN_MAX = 3  # handshakes that end without a word, one after the other: a bridge that goes down makes one

_BYTES_MAX = 4096
_KEY_CHARACTERS = 40


@dataclass(frozen=True)
class CurveKey:
    path: str
    public: bytes
    secret: bytes = field(repr=False)
    server: bytes


def prepare(socket: zmq.Socket, key: CurveKey | None) -> None:
    """For connecting."""
    for option, value in {"LINGER": 0, **_TRYING}.items():
        socket.setsockopt(getattr(zmq, option), value)
    if key is not None:
        socket.curve_publickey = key.public
        socket.curve_secretkey = key.secret
        socket.curve_serverkey = key.server


def refusal(event: int, key: CurveKey | None, broken: int) -> str:
    """What the bridge has against whoever connects, by one of FAILURES; "" where nobody knows. `broken`: how many have ended
    without a word, with this one."""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        if key is None:
            return "does not let this user in"
        return "does not let in the key of %s: it is not listed there, no longer, or has no business there" % key.path
    if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return "wants a key: curve=FILE or $PPO_CURVE_FILE" if key is None else "does not take keys, or is no bridge"
    if key is None or broken < _BROKEN_MAX:
        return ""
    return "is not the one whose key is in %s, the third there" % key.path


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
