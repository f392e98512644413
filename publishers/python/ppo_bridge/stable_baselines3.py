"""A callback for Stable-Baselines3; needs stable_baselines3.

    model.learn(1_000_000, callback=BridgeCallback(Publisher("trainer-1")))
"""

from __future__ import annotations

from typing import Any, Callable

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from ._commands import Command, CommandRejected
from ._extract import number
from .hooks import Hook, HookStats
from .publisher import Publisher
from .tensorboard import SummaryWriter

# What may be set, its range, and where the model keeps it.
_HYPERPARAMETERS = {
    "learning_rate": (0.0, 1.0, "lr_schedule"),
    "clip_range": (0.0, 1.0, "clip_range"),
    "entropy_coefficient": (0.0, 1.0, "ent_coef"),
}
_PAUSE_POLL_S = 0.1


class _LogWriter(KVWriter):
    """What the model's logger writes at each dump, as scalars."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer

    def write(self, key_values: dict, key_excluded: dict, step: int = 0) -> None:
        for key, value in key_values.items():
            if number(value) is not None:
                self._writer.add_scalar(key, value, step)
        self._writer.flush()

    def close(self) -> None:
        pass


class BridgeCallback(BaseCallback):
    """Publishes training_update and whatever else the model logs, and for each environment the
    trades, portfolio and episodes that its infos tell of; answers pause, resume, stop,
    get_hyperparameters and set_hyperparameter between two steps.
    """

    def __init__(
        self,
        publisher: Publisher,
        agent_id: str = "agent_0",
        decision: Callable[[Any, int], dict | None] | None = None,
        verbose: int = 0,
    ) -> None:
        """`agent_id`: of a lone environment; the n-th of several is "agent_n". `decision`: the fields
        of agent_decision for an action and the number of its environment."""
        super().__init__(verbose)
        self.publisher = publisher
        self.stats = HookStats()
        self._agent_id = agent_id
        self._decision = decision
        self._hooks: list[Hook] = []
        self._paused = self._stopped = False

    # ---- What Stable-Baselines3 calls.

    def _on_training_start(self) -> None:
        count = getattr(self.training_env, "num_envs", 1)
        agents = ["agent_%d" % n for n in range(count)] if count > 1 else [self._agent_id]
        self._hooks = [Hook(self.publisher, agent, self.stats) for agent in agents]
        self._writer = SummaryWriter(publisher=self.publisher, agent_id=self._agent_id)
        self.logger.output_formats.append(_LogWriter(self._writer))
        self._paused = self._stopped = False
        self.publisher.set_agents(agents)
        self.publisher.set_state("running")
        for name, handler in (
            ("pause", self._pause),
            ("resume", self._resume),
            ("stop", self._stop),
            ("get_hyperparameters", self._get_hyperparameters),
            ("set_hyperparameter", self._set_hyperparameter),
        ):
            self.publisher.on_command(name, handler, polled=True)

    def _on_step(self) -> bool:
        seen = [self.locals.get(name) for name in ("rewards", "dones", "infos", "actions")]
        for n, hook in enumerate(self._hooks):
            hook.guarded(self._see, hook, n, *seen)
        self.publisher.poll_commands()
        while self._paused and not self._stopped:
            self.publisher.wait_commands(_PAUSE_POLL_S)
        return not self._stopped

    def _on_training_end(self) -> None:
        # What the last update recorded is never dumped.
        for key, value in dict(getattr(self.logger, "name_to_value", {})).items():
            if number(value) is not None:
                self._writer.add_scalar(key, value, self.num_timesteps)
        self._writer.flush()
        for hook in self._hooks:
            hook.end()

    # ---- Commands.

    def _where(self) -> dict:
        return {"step": self.num_timesteps}

    def _pause(self) -> dict:
        self._paused = True
        self.publisher.set_state("paused")
        return self._where()

    def _resume(self) -> dict:
        self._paused = False
        self.publisher.set_state("running")
        return self._where()

    def _stop(self) -> dict:
        self._stopped = True
        return self._where()

    def _get_hyperparameters(self) -> dict:
        values = {}
        for name, (_, _, attribute) in _HYPERPARAMETERS.items():
            value = getattr(self.model, attribute, None)
            left = getattr(self.model, "_current_progress_remaining", 1.0)
            values[name] = number(value(left) if callable(value) else value)
        return {**values, **self._where()}

    def _set_hyperparameter(self, command: Command) -> dict:
        name, value = command.get("name"), number(command.get("value"))
        if name not in _HYPERPARAMETERS:
            known = ", ".join(_HYPERPARAMETERS)
            raise CommandRejected("name is %r; must be one of %s" % (name, known))
        low, high, attribute = _HYPERPARAMETERS[name]
        if value is None or not low <= value <= high:
            shown = command.get("value")
            raise CommandRejected("%s is %r; must be %g..%g" % (name, shown, low, high))
        if not hasattr(self.model, attribute):
            raise CommandRejected("this model has no %s" % name)
        schedule = callable(getattr(self.model, attribute))
        setattr(self.model, attribute, (lambda _: value) if schedule else value)
        return {name: value, **self._where()}

    # ---- What is seen.

    def _see(self, hook: Hook, n: int, rewards: Any, dones: Any, infos: Any, actions: Any) -> None:
        if rewards is not None and dones is not None and infos is not None:
            hook.see_step((None, rewards[n], dones[n], infos[n]))
        if self._decision is not None and actions is not None:
            found = self._decision(actions[n], n)
            if found is not None:
                hook.see_decision(found)
