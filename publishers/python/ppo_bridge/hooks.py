"""Hooks: events from an agent and an environment without changing either.

Hooking replaces methods of one object, not of its class. A hooked call takes, gives back and raises
exactly what the original does; what cannot be read or published is counted and never reaches the
caller, and is logged once for each method. Copies and pickles of a hooked object are not hooked.
"""

from __future__ import annotations

import threading
from typing import Any

from ._agent_hook import AgentHook
from ._env_hook import EnvHook
from ._hook import Hook, HookStats, log
from ._names import is_name
from .publisher import Publisher

__all__ = ["AgentHook", "EnvHook", "Hook", "HookStats", "Hooks"]


class Hooks:
    """Gives out hooks and takes them back. Thread-safe."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._lock = threading.RLock()  # guards the two maps
        self._agents: dict[str, Hook] = {}
        self._envs: dict[str, EnvHook] = {}
        self.stats = HookStats()

    def hook_agent(self, agent: Any, agent_id: str) -> bool:
        """Publishes agent_decision from what sample_action() returns, trade_executed from what
        record_trade() is called with, training_update from what update() returns. A trade that
        a hooked environment tells as well is one event. Hooking an id again ends the hook that had it. False where the agent has none of these methods."""
        hook = AgentHook(self._publisher, agent_id, self.stats)
        sees = {
            "sample_action": (hook.see_decision, None),
            "record_trade": (hook.see_trade, hook.read_trade),
            "update": (hook.see_update, None),
        }
        hooked = self._add(self._agents, agent_id, hook, agent, sees)
        if hooked and is_name(agent_id):
            self._publisher.set_agents({*self._publisher.agents, agent_id})
        self._tell_who_acts()
        return hooked

    def hook_env(
        self, env: Any, env_id: str, agent_id: str | None = None, kind: str | None = None
    ) -> bool:
        """Publishes from what step() returns: trade_executed for each trade of the step,
        portfolio_update when the portfolio is another than before, episode_end when the episode is
        done; and from reset(). Of several environments in one, each has episodes of its own.

        `agent_id`: who acts there. Left out: whom an info names, or the agent that is hooked if there
        is one only, else `env_id`. `kind`: of its episodes, "train" or "eval"."""
        hook = EnvHook(self._publisher, env, env_id, agent_id, self.stats, kind)
        sees = hook.guarded(hook.sees) or {}
        hooked = self._add(self._envs, env_id, hook, env, sees)
        self._tell_who_acts()
        return hooked

    def unhook_agent(self, agent_id: str) -> bool:
        """False when there is no such id. From now on nothing is published for it, and the agent has
        the very methods that it had."""
        removed = self._remove(self._agents, agent_id)
        if removed and agent_id in self._publisher.agents:
            self._publisher.set_agents({*self._publisher.agents} - {agent_id})
        self._tell_who_acts()
        return removed

    def unhook_env(self, env_id: str) -> bool:
        return self._remove(self._envs, env_id)

    def unhook_all(self) -> None:
        for env_id in list(self._envs):
            self.unhook_env(env_id)
        for agent_id in list(self._agents):
            self.unhook_agent(agent_id)

    def _tell_who_acts(self) -> None:
        with self._lock:
            agents, envs = list(self._agents), list(self._envs.values())
        for env in envs:
            env.acted_by(agents)

    def _add(self, hooks: dict, id: str, hook: Hook, owner: Any, sees: dict) -> bool:
        self._remove(hooks, id)
        if not hook.attach(owner, sees):
            text = "nothing is hooked of a %s; looked for methods %s"
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
