"""HookedMethod: stands in one object's own attributes for a method of it, and watches its calls."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from ._hook import Hook


class HookedMethod:
    """A call takes, gives back and raises what the original does.

    `see` is called with the result. Where there is a `before`, it is called with the original and its
    arguments first, and `see` takes what it gave back as well.
    """

    def __init__(self, hook: Hook, owner: Any, name: str, see: Callable, before: Callable | None):
        original = getattr(owner, name)
        self._hook = hook
        self._owner = owner
        self._name = name
        self._original = original
        self._see = see
        self._before = before
        self._had_own = name in getattr(owner, "__dict__", {})
        self._own = owner.__dict__[name] if self._had_own else None
        functools.update_wrapper(self, original, updated=())
        self.__self__ = owner
        self._asynchronous = inspect.iscoroutinefunction(original)
        self._plain = not self._asynchronous and before is None  # and watched
        if self._asynchronous and sys.version_info >= (3, 12):
            inspect.markcoroutinefunction(self)  # type: ignore[attr-defined]

    @property
    def __func__(self) -> Any:
        """As a bound method's, which scripts compare to see whether it is hooked."""
        return self

    @property
    def name(self) -> str:
        return self._name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._plain:  # first, for what happens at every step
            result = self._original(*args, **kwargs)
            try:
                self._see(result)
            except Exception as error:
                self._hook.failed(error)
            return result
        if not self._hook.active:
            return self._original(*args, **kwargs)
        seen = self._look(args, kwargs)
        result = self._original(*args, **kwargs)
        if self._asynchronous:
            return self._later(result, seen)
        self._hook.guarded(self._see, result, *seen)
        return result

    def _look(self, args: tuple, kwargs: dict) -> tuple:
        """What `see` takes beside the result."""
        if self._before is None:
            return ()
        return (self._hook.guarded(self._before, self._original, args, kwargs),)

    async def _later(self, awaited: Any, seen: tuple) -> Any:
        result = await awaited
        self._hook.guarded(self._see, result, *seen)
        return result

    def install(self) -> None:
        setattr(self._owner, self._name, self)

    def restore(self) -> None:
        """REQUIRES: the hook has ended. Puts back what was there, unless somebody has put something else in its place since: then
        this one only passes calls on."""
        self._plain = False
        self._see = _unseen  # for a call that has begun
        if getattr(self._owner, "__dict__", {}).get(self._name) is not self:
            return
        had_own, own = self._had_own, self._own
        while isinstance(own, HookedMethod) and not own._hook.active:  # ended before this one
            had_own, own = own._had_own, own._own
        if had_own:
            setattr(self._owner, self._name, own)
        else:
            delattr(self._owner, self._name)

    def __deepcopy__(self, memo: dict) -> Any:
        if self._had_own:
            return copy.deepcopy(self._own, memo)
        owner = memo.get(id(self._owner), self._owner)
        function = getattr(self._original, "__func__", None)
        return self._original if function is None else types.MethodType(function, owner)

    def __reduce__(self) -> Any:
        if self._had_own:
            return _itself, (self._own,)
        return getattr, (self._owner, self._name)


def _unseen(*seen: Any) -> None:
    pass


def _itself(thing: Any) -> Any:
    return thing
