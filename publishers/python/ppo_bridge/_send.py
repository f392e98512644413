"""Sending a frame without letting go of the interpreter.

pyzmq lets go of it around each zmq_send(), which takes a microsecond where it does not wait. To get it back from a thread
that computes then takes up to 5 ms, in which that thread signals ours at each of its own short releases: all in
all up to 0.5 ms of its time, for each frame.
"""

from __future__ import annotations

import sys
from typing import Callable

import zmq
import zmq.backend


def _find_zmq_send() -> Callable[[int, bytes, int, int], int] | None:
    """That of the library which pyzmq has loaded; None where it does not let itself be found."""
    try:
        import ctypes

        compiled = sys.modules[zmq.backend.Socket.__module__].__file__
        found = ctypes.PyDLL(compiled).zmq_send
        found.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
        return found
    except Exception:  # pyzmq made in another way
        return None


_zmq_send = _find_zmq_send()


def send(socket: zmq.Socket, frame: bytes, flags: int = 0) -> None:
    """Raises zmq.Again where the queue is full. REQUIRES: this thread's socket, and an open one."""
    flags |= zmq.NOBLOCK
    if _zmq_send is None or _zmq_send(socket.underlying, frame, len(frame), flags) < 0:
        socket.send(frame, flags)  # says why
