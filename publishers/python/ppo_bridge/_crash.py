"""Exceptions that nobody catches: told to the runs that are open, and then handled as ever.

In the main thread by sys.excepthook, in others by threading.excepthook, in a notebook after each cell.
What somebody puts in their place later is called instead of ours, so at the interpreter's end we also look
at what Python itself keeps of its last exception. Of a SystemExit Python tells nobody; see _ExitCode.
"""

from __future__ import annotations

import gc
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


class _ExitCode:
    """In place of the attribute `code` of SystemExit, which it is for everybody else as well: an interpreter
    that ends by an exception reads it once more when no frame is left, and nothing else does so."""

    def __init__(self, code: Any) -> None:
        self._code = code

    def __get__(self, error: Any, kind: Any = None) -> Any:
        if error is None:
            return self._code
        code = self._code.__get__(error)
        try:
            sys._getframe(1)
        except ValueError:
            if threading.current_thread() is threading.main_thread():
                _tell("exit", code)
        return code

    def __set__(self, error: Any, code: Any) -> None:
        self._code.__set__(error, code)

    def __delete__(self, error: Any) -> None:
        self._code.__delete__(error)


def _watch_exit() -> None:
    """Where Python is another one and has no such things, a run ends as finished."""
    try:
        (members,) = (each for each in gc.get_referents(SystemExit.__dict__) if type(each) is dict)
        members["code"] = _ExitCode(members["code"])
        sys._clear_type_cache()
    except Exception:
        return

    def exit(status: Any = None, /) -> Any:
        # C's own is no instance as long as nobody catches it, and has no `code`.
        of = status if isinstance(status, tuple) else () if status is None else (status,)
        raise SystemExit(*of)

    exit.__doc__ = sys.exit.__doc__
    sys.exit = exit


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
