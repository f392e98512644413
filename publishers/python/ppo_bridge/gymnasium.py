"""A Gymnasium wrapper; needs gymnasium. Vector environments are hooked by Hooks(publisher).hook_env().

    env = BridgeWrapper(gymnasium.make("..."), publisher, "env_0", "agent_0")
"""

from __future__ import annotations

from typing import Any

import gymnasium

from .hooks import EnvHook, HookStats
from .publisher import Publisher


class BridgeWrapper(gymnasium.Wrapper):
    """Publishes from step() and reset() what hook_env() does, and gives back what they return."""

    def __init__(
        self,
        env: Any,
        publisher: Publisher,
        env_id: str = "env_0",
        agent_id: str | None = None,
        kind: str | None = None,
    ) -> None:
        """`kind`: of its episodes, "train" or "eval"."""
        super().__init__(env)
        self.bridge_stats = HookStats()
        self._hook = EnvHook(publisher, env, env_id, agent_id, self.bridge_stats, kind)

    def step(self, action: Any) -> Any:
        result = self.env.step(action)
        self._hook.guarded(self._hook.see_step, result)
        return result

    def reset(self, **kwargs: Any) -> Any:
        result = self.env.reset(**kwargs)
        self._hook.guarded(self._hook.see_reset, result)
        return result

    def close(self) -> Any:
        self._hook.end()
        return self.env.close()
