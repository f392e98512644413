"""Exceptions that nobody catches: told to the runs that are open, and then handled as ever.

In the main thread by sys.excepthook, in others by threading.excepthook, in a notebook after each cell.
Of sys.exit() Python tells nobody, so it is wrapped. What somebody puts in their place later is called instead of ours, so at the interpreter's end we also look
at what Python itself keeps of its last exception.
"""

from __future__ import annotations

import builtins
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._run import Runs

_watched: weakref.WeakSet[Runs] = weakref.WeakSet()
_installed = False


def watch(runs: Runs) -> None:
    """From now on, as long as it lives."""
    global _installed
    _watched.add(runs)
    if not _installed:
        _installed = True
        _watch_main()
        _watch_threads()
        _watch_exit()
    _watch_notebook()


def at_end() -> None:
    """Of the interpreter, or of a worker of multiprocessing: every run that is still open ends."""
    error = sys.exc_info()[1]  # under way where a worker fails
    if error is None and not interactive():
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if isinstance(error, BaseException):
        _tell("fail", error)
    _tell("end", None, None, None)


def forget() -> None:
    """In a child after a fork: the parent's runs are the parent's."""
    _watched.clear()


def interactive() -> bool:
    """An exception ends a cell or a line there, and not the program."""
    return hasattr(sys, "ps1") or "ipykernel" in sys.modules


def _tell(method: str, *of: Any) -> None:
    for runs in list(_watched):
        try:
            getattr(runs, method)(*of)
        except Exception:  # the exception itself is what the user has to see
            pass


def _watch_main() -> None:
    before = sys.excepthook

    def hook(kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, BaseException):
            _tell("fail", error)
        before(kind, error, trace)

    sys.excepthook = hook


def _watch_threads() -> None:
    before = threading.excepthook

    def hook(args: Any) -> None:
        if isinstance(args.exc_value, Exception):
            name = args.thread.name if args.thread is not None else "?"
            _tell("fail_in_thread", args.exc_value, name)
        before(args)

    threading.excepthook = hook


def _watch_exit() -> None:
    def told(before: Any) -> Any:
        def exit(*code: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                _tell("exit", code[0] if code else None)
            return before(*code)

        return exit

    sys.exit = told(sys.exit)
    quitter = type(getattr(builtins, "exit", None))  # of exit() and quit(), where site made them
    if quitter.__name__ == "Quitter":
        call = quitter.__call__
        quitter.__call__ = lambda self, code=None: told(lambda code: call(self, code))(code)


_notebooks: list[Any] = []


def _watch_notebook() -> None:
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if callable(get_ipython) else None
    if shell is None or any(shell is known for known in _notebooks):
        return

    def after_cell(result: Any) -> None:
        error = getattr(result, "error_in_exec", None)
        if isinstance(error, BaseException) and not isinstance(error, SystemExit):
            _tell("fail", error)

    try:
        shell.events.register("post_run_cell", after_cell)
        _notebooks.append(shell)
    except Exception:  # of another make
        pass
