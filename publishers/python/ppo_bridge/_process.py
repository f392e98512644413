"""What a process does with all its publishers: names them, forks, and ends."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING

from . import _crash, _sender
from ._names import with_suffix
from ._program import forget_source, made_up_source

if TYPE_CHECKING:
    from .publisher import Publisher

_DROPPED_S = (0.5, 2.0, 8.0)  # on a busy machine the new one may not be there after the first

JOIN_S = 1.0  # beyond its deadline, for a sender's thread to be done

publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
_inherited: list[_sender.Sender] = []  # the parent's, kept from being finalised in a child


def source_for(given: str | None) -> str:
    """`given`, or a name that no other publisher here has.

    A publisher that was dropped may still be there, since only the garbage collector frees what knows
    itself, as handlers may: first it has to go, so that it is not taken for a second one of that name.
    Or after a moment, for one whose variable is given the new one."""
    source = made_up_source() if given is None else given
    _free_dropped(source)
    if given is not None and _is_taken(source):
        _free_later(source, *_DROPPED_S)
    number = 2
    while given is None and _is_taken(source):
        source = with_suffix(made_up_source(), "-%d" % number)
        number += 1
    return source


def _is_taken(source: object, by_more_than: int = 0) -> bool:
    return sum(p.source == source and not p.error for p in list(publishers)) > by_more_than


def _free_dropped(source: object, but: int = 0, *again_s: float) -> None:
    if _is_taken(source, but):
        gc.collect()
        _free_later(source, *again_s)


def _free_later(source: object, after_s: float = 0, *again_s: float) -> None:
    if after_s:
        later = threading.Timer(after_s, _free_dropped, (source, 1, *again_s))
        later.daemon = True
        later.start()


def imported_by_worker() -> bool:
    """A worker of multiprocessing that was not forked imports the program, and with it whatever the
    program makes beside its `if __name__ == "__main__"`."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and getattr(process.current_process(), "_inheriting", False)


def end_with_worker() -> None:
    """Workers of multiprocessing end without the interpreter's own end."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing import util

        util.Finalize(None, _close_all, exitpriority=100)


def _after_fork_in_child() -> None:
    _inherited.extend(_sender.running)
    _sender.running.clear()
    _crash.forget()
    forget_source()
    for publisher in list(publishers):
        publisher._after_fork()


def _close_all() -> None:
    """At the interpreter's end: all at once, so that it takes no longer than the slowest."""
    _crash.at_end()
    senders = list(_sender.running)
    for sender in senders:
        sender.stop(sender.flush_s)
    for sender in senders:
        sender.join(JOIN_S)


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
