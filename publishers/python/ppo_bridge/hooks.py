"""Hooks: events from an agent and an environment without changing either.

Hooking replaces methods of one object, not of its class. A hooked call takes, gives back and raises
exactly what the original does; what cannot be read or published is counted and never reaches the
caller. Copies and pickles of a hooked object are not hooked.
"""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import sys
import threading
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from . import _extract
from ._names import is_name, printable
from .publisher import Publisher

log = logging.getLogger("ppo_bridge")

_SCALARS = (int, float, str, bool, type(None))


@dataclass
class HookStats:
    """Events that hooks gave to the publisher, by kind, and what they could not give."""

    decisions: int = 0
    trades: int = 0
    portfolios: int = 0
    training_updates: int = 0
    episodes: int = 0
    unrecognised: int = 0  # results in which nothing was found to publish
    failed: int = 0  # refused by the publisher, or reading the result raised


class HookedMethod:
    """Stands in an object's own attributes for a method of it."""

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
        self._asynchronous = inspect.iscoroutinefunction(original)
        self._plain = not self._asynchronous and before is None
        if self._asynchronous and sys.version_info >= (3, 12):
            inspect.markcoroutinefunction(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._hook.active:
            return self._original(*args, **kwargs)
        if self._plain:  # first, for what happens at every step
            result = self._original(*args, **kwargs)
            try:
                self._see(result)
            except Exception as error:
                self._hook.failed(error)
            return result
        if self._asynchronous:
            return self._later(args, kwargs)
        seen = self._hook.guarded(self._before, self._original, args, kwargs)
        result = self._original(*args, **kwargs)
        self._hook.guarded(self._see, seen)
        return result

    async def _later(self, args: tuple, kwargs: dict) -> Any:
        seen = None
        if self._before is not None:
            seen = self._hook.guarded(self._before, self._original, args, kwargs)
        result = await self._original(*args, **kwargs)
        self._hook.guarded(self._see, result if self._before is None else seen)
        return result

    def install(self) -> None:
        setattr(self._owner, self._name, self)

    def restore(self) -> None:
        """Puts back what was there, unless somebody has put something else in its place since: then
        this one only passes calls on."""
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


def _itself(thing: Any) -> Any:
    return thing


class Hook:
    """One hooked object. Publishes until end()."""

    def __init__(self, publisher: Publisher, agent_id: str, stats: HookStats) -> None:
        self.active = True
        self.agent_id = agent_id
        self._publisher = publisher
        self._stats = stats
        self._lock = threading.RLock()  # guards the next
        self._methods: list[HookedMethod] = []
        self._updates = self._decisions = 0
        self._episode = 1
        self._portfolio: dict | None = None  # last published
        self._inventory: dict | None = None  # a copy of the one last seen
        self._start_episode()

    def attach(self, owner: Any, sees: dict[str, tuple]) -> bool:
        """Hooks what of these methods `owner` has; False where it has none, or does not let itself
        be changed."""
        for name, (see, before) in sees.items():
            if not callable(getattr(owner, name, None)):
                continue
            try:
                method = HookedMethod(self, owner, name, see, before)
                method.install()
                self._methods.append(method)
            except Exception as error:
                text = "cannot hook %s of a %s: %s"
                log.warning(text, name, type(owner).__name__, printable(str(error)))
        return bool(self._methods)

    def end(self) -> None:
        with self._lock:
            self.active = False
            methods, self._methods = self._methods, []
        for method in reversed(methods):
            try:
                method.restore()
            except Exception as error:
                log.warning("cannot unhook %s: %s", method._name, printable(str(error)))

    def guarded(self, body: Callable, *args: Any) -> Any:
        """Reading and publishing must not disturb the call that they watch."""
        try:
            return body(*args)
        except Exception as error:
            return self.failed(error)

    def failed(self, error: Exception) -> None:
        self._stats.failed += 1
        text = "%s: %s" % (type(error).__name__, printable(str(error)))
        self._publisher.refuse("hooked", text)

    # ---- What is seen.

    def see_decision(self, result: Any) -> None:
        found = _extract.decision(result)
        self._decisions += 1
        if found is None:
            self._stats.unrecognised += 1
        else:
            self._stats.decisions += self._publish("agent_decision", found)

    def see_update(self, result: Any) -> None:
        found = _extract.losses(result)
        self._updates += 1
        if found is None:
            self._stats.unrecognised += 1
            return
        data = {"agent_id": self.agent_id, "update": self._updates}
        if self._decisions > 0:
            data["steps"] = self._decisions
        data.update(found)
        self._stats.training_updates += self._publish("training_update", data)

    def read_trade(self, original: Callable, args: tuple, kwargs: dict) -> dict | None:
        """The trade that record_trade() is called with: an argument, or the arguments by name."""
        for each in (*args, *kwargs.values()):
            if isinstance(each, Mapping) or not isinstance(each, (*_SCALARS, bytes)):
                found = _extract.trade(each)
                if found is not None:
                    return found
        try:
            named = dict(inspect.signature(original).bind(*args, **kwargs).arguments)
        except (TypeError, ValueError):
            named = dict(kwargs)
        if isinstance(named.get("trade_type"), str):
            named.setdefault("action_type", named["trade_type"])
        return _extract.trade(named)

    def see_trade(self, trade: dict | None) -> None:
        if trade is None:
            self._stats.unrecognised += 1
        else:
            self._stats.trades += self._publish("trade_executed", trade)

    def see_step(self, result: Any) -> None:
        report = _extract.step(result)
        if not report.found:
            self._stats.unrecognised += 1
        self._steps += 1
        self._reward += report.reward
        for trade in report.trades:
            self._stats.trades += self._publish("trade_executed", trade)
        if report.realized_pnl is not None:
            self._profit = report.realized_pnl
        self._see_portfolio(report.portfolio)
        if report.done:
            self._end_episode()

    def see_reset(self, result: Any) -> None:
        report = _extract.step(result)
        if self._steps > 0:
            self._end_episode()
        self._see_portfolio(report.portfolio)

    def _see_portfolio(self, portfolio: dict | None) -> None:
        if portfolio is None:
            return
        self._final_value = portfolio.get("total_value", self._final_value)
        inventory = portfolio.get("inventory")
        if inventory is not None:  # which the environment may go on changing
            if inventory != self._inventory:
                self._inventory = {
                    k: v if type(v) in _SCALARS else copy.deepcopy(v) for k, v in inventory.items()
                }
            portfolio["inventory"] = self._inventory
        if portfolio == self._portfolio:
            return
        self._portfolio = portfolio
        named = {"agent_id": self.agent_id, **portfolio}
        self._stats.portfolios += self._publish("portfolio_update", named)

    def _start_episode(self) -> None:
        self._steps = 0
        self._reward = 0.0
        self._profit: Any = 0
        self._final_value: Any = 0

    def _end_episode(self) -> None:
        data = {
            "agent_id": self.agent_id,
            "episode": self._episode,
            "steps": self._steps,
            "reward": self._reward,
            "profit": self._profit,
            "final_value": self._final_value,
        }
        self._episode += 1
        self._start_episode()
        self._stats.episodes += self._publish("episode_end", data)

    def _publish(self, event_type: str, data: dict) -> bool:
        if not self.active:
            return False
        if data.get("agent_id") is None:
            data["agent_id"] = self.agent_id
        if self._publisher.publish(event_type, data):
            return True
        self._stats.failed += 1
        return False


class Hooks:
    """Gives out hooks and takes them back. Thread-safe."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._lock = threading.RLock()  # guards the two maps
        self._agents: dict[str, Hook] = {}
        self._envs: dict[str, Hook] = {}
        self.stats = HookStats()

    def hook_agent(self, agent: Any, agent_id: str) -> bool:
        """Publishes agent_decision from what sample_action() returns, trade_executed from what
        record_trade() is called with, training_update from what update() returns. Hooking an id
        again ends the hook that had it. False where the agent has none of these methods."""
        hook = Hook(self._publisher, agent_id, self.stats)
        sees = {
            "sample_action": (hook.see_decision, None),
            "record_trade": (hook.see_trade, hook.read_trade),
            "update": (hook.see_update, None),
        }
        hooked = self._add(self._agents, agent_id, hook, agent, sees)
        if hooked and is_name(agent_id):
            self._publisher.set_agents({*self._publisher.agents, agent_id})
        return hooked

    def hook_env(self, env: Any, env_id: str, agent_id: str | None = None) -> bool:
        """Publishes from what step() returns: trade_executed for each trade of the step,
        portfolio_update when the portfolio is another than before, episode_end when the episode is
        done; and from reset(). `agent_id`: who acts there; `env_id` where left out."""
        hook = Hook(self._publisher, env_id if agent_id is None else agent_id, self.stats)
        sees = {"step": (hook.see_step, None), "reset": (hook.see_reset, None)}
        return self._add(self._envs, env_id, hook, env, sees)

    def unhook_agent(self, agent_id: str) -> bool:
        """False when there is no such id. From now on nothing is published for it, and the agent has
        the very methods that it had."""
        removed = self._remove(self._agents, agent_id)
        if removed and agent_id in self._publisher.agents:
            self._publisher.set_agents({*self._publisher.agents} - {agent_id})
        return removed

    def unhook_env(self, env_id: str) -> bool:
        return self._remove(self._envs, env_id)

    def unhook_all(self) -> None:
        for agent_id in list(self._agents):
            self.unhook_agent(agent_id)
        for env_id in list(self._envs):
            self.unhook_env(env_id)

    def _add(self, hooks: dict, id: str, hook: Hook, owner: Any, sees: dict) -> bool:
        self._remove(hooks, id)
        if not hook.attach(owner, sees):
            text = "nothing to hook in a %s: it has none of %s"
            log.warning(text, type(owner).__name__, ", ".join(sees))
            return False
        with self._lock:
            hooks[id] = hook
        return True

    def _remove(self, hooks: dict, id: str) -> bool:
        with self._lock:
            hook = hooks.pop(id, None)
        if hook is None:
            return False
        hook.end()
        return True
