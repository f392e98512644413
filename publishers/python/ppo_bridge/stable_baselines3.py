"""A callback for Stable-Baselines3; needs stable_baselines3.

    model.learn(1_000_000, callback=BridgeCallback(Publisher("trainer-1")))
"""

from __future__ import annotations

import inspect
import os
import tempfile
from typing import Any, Callable

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from . import _sb3_parameters
from ._curves import Curves
from ._extract import number
from ._steps import Facts
from .hooks import AgentHook, HookStats
from .publisher import Publisher
from .steering import Steering

_UNFINISHED = "learn() did not come to its end"
_SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")
_MADE_UP_FOLDER = "SB3-"  # the library's, in the folder for temporary files


class _LogWriter(KVWriter):
    """What the model's logger writes at each dump."""

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        self._told: dict = {}  # at the end of a learn(); a logger of one's own dumps it once more

    def write_last(self, key_values: dict, step: int) -> None:
        """What the last update recorded, which is not dumped any more."""
        last = dict(key_values)
        self.write(last, {}, step)
        self._told = last

    def write(self, key_values: dict, key_excluded: dict, step: int = 0) -> None:
        values, told = dict(key_values), self._told
        if all(values.get(key) is value for key, value in told.items()):
            values = {key: value for key, value in values.items() if key not in told}
        self._told = {}
        for key, value in values.items():
            if isinstance(getattr(value, "hparam_dict", None), dict):
                self.curves.publisher.update_config(value.hparam_dict)
            else:
                self.curves.any(key, value, step)
        self.curves.flush()

    def close(self) -> None:
        pass


class BridgeCallback(BaseCallback):
    """Publishes what the model logs as scalars and training_update, for each environment the trades,
    portfolio and episodes that its infos tell of, and each learn() as a run with the model's
    parameters as its config. Answers the commands of Steering, and `checkpoint`, between two steps.

    May be used for any number of learn(), and models; numbers of episodes and updates go on.
    """

    def __init__(
        self,
        publisher: Publisher,
        agent_id: str = "agent_0",
        decision: Callable[[Any, int], dict | None] | None = None,
        verbose: int = 0,
        checkpoint_dir: str | None = None,
    ) -> None:
        """`agent_id`: of a lone environment; the n-th of several is "agent_n". `decision`: the fields
        of agent_decision for an action and the number of its environment. `checkpoint_dir`: where
        `checkpoint` saves; the logger's folder where left out."""
        super().__init__(verbose)
        self.publisher = publisher
        self.stats = HookStats()
        self.steering: Steering | None = None
        self._agent_id = agent_id
        self._decision = decision
        self._checkpoint_dir = checkpoint_dir
        self._hooks: dict[str, AgentHook] = {}
        self._log_writer = _LogWriter(Curves(publisher, agent_id))
        self._env: Any = None
        self._run_is_own = False
        self._learning = False

    # ---- What Stable-Baselines3 calls.

    def _on_training_start(self) -> None:
        if self._learning:  # the learn() before this one raised, and its caller went on
            self._end_run("interrupted", _UNFINISHED)
        self._learning = True
        env = self.training_env
        began_anew = self.locals.get("reset_num_timesteps", True) or env is not self._env
        self._env = env
        count = getattr(env, "num_envs", 1)
        agents = ["agent_%d" % n for n in range(count)] if count > 1 else [self._agent_id]
        for hook in self._hooks.values():
            hook.active = False
        facts = Facts(env)
        self._raw_rewards = facts.raw_rewards
        for agent in agents:
            if agent not in self._hooks:
                self._hooks[agent] = AgentHook(self.publisher, agent, self.stats, "train")
            hook = self._hooks[agent]
            hook.active = True
            if began_anew:
                hook.guarded(hook.see_reset, None)
            hook.know(facts)
        self._agents = [self._hooks[agent] for agent in agents]
        self._attach_logger()
        self.publisher.set_agents(agents)
        self._start_run()
        self.steering = Steering(self.publisher, checkpoint=self._save)
        self.steering.steps = self.num_timesteps
        _sb3_parameters.declare(self.steering, self.model)

    def _on_step(self) -> bool:
        seen = [self.locals.get(name) for name in ("rewards", "dones", "infos", "actions")]
        if seen[1] is not None and seen[2] is not None:
            if self._raw_rewards is not None:  # before VecNormalize
                seen[0] = self._raw_rewards()
            for n, hook in enumerate(self._agents):
                hook.guarded(self._see, hook, n, *seen)
        return self.steering.step(self.num_timesteps)  # type: ignore[union-attr]

    def _on_training_end(self) -> None:
        self._log_writer.write_last(getattr(self.logger, "name_to_value", {}), self.num_timesteps)
        self._detach_logger()
        self._end_run("finished")

    # ---- The run.

    def _start_run(self) -> None:
        """A run that the script has started itself stays as it is."""
        try:
            config = self._config()
        except Exception as error:  # of a model of another make
            config = {"algorithm": type(self.model).__name__}
            self.publisher.refuse("run_started", "config: %s" % error)
        self._run_is_own = self.publisher.run_name is None
        if self._run_is_own:
            self.publisher.start_run(self._name(), config)
        else:
            self.publisher.update_config(config)
        self.publisher._runs.unfinished = _UNFINISHED

    def _end_run(self, state: str, error: str | None = None) -> None:
        self._learning = False
        self.publisher._runs.unfinished = None
        if self._run_is_own:
            self.publisher.end_run(state, error)

    def _name(self) -> str:
        """The logger's folder, PPO_1 for one; where that is made up, learn()'s name for the log."""
        name = os.path.basename(os.path.normpath(getattr(self.logger, "dir", None) or "."))
        if name != "." and not name.startswith(_MADE_UP_FOLDER):
            return name
        return str(self.locals.get("tb_log_name") or type(self.model).__name__)

    def _config(self) -> dict:
        """The model's parameters, as its constructor names them."""
        model = self.model
        found: dict = {"algorithm": type(model).__name__}
        policy = getattr(model, "policy_class", None)
        found["policy"] = getattr(policy, "__name__", policy)
        makers = [vars(base)["__init__"] for base in type(model).__mro__[:-1] if "__init__" in vars(base)]
        names = {name: None for make in makers for name in inspect.signature(make).parameters}
        for name in names:
            if name not in ("self", "policy", "env", "_init_setup_model") and hasattr(model, name):
                found[name] = _plain(name, getattr(model, name))
        found["n_envs"] = getattr(self.training_env, "num_envs", 1)
        for name in ("total_timesteps", "log_interval", "reset_num_timesteps"):
            if name in self.locals:
                found[name] = self.locals[name]
        env_id = _env_id(self.training_env)
        return {**found, "env": env_id} if env_id else found

    # ---- The logger; a script's own is used by several learn().

    def _attach_logger(self) -> None:
        self._detach_logger()
        self.logger.output_formats.append(self._log_writer)

    def _detach_logger(self) -> None:
        formats = self.logger.output_formats
        formats[:] = [each for each in formats if each is not self._log_writer]

    # ---- Commands.

    def _save(self) -> dict:
        """Saves the model, and beside it the statistics of VecNormalize."""
        folder = self._checkpoint_dir or getattr(self.logger, "dir", None) or tempfile.gettempdir()
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "%s_%d_steps" % (self.publisher.source, self.num_timesteps))
        self.model.save(path + ".zip")
        saved = {"path": path + ".zip"}
        normalize = getattr(self.model, "_vec_normalize_env", None)
        if normalize is not None:
            normalize.save(path + "_vecnormalize.pkl")
            saved["vecnormalize"] = path + "_vecnormalize.pkl"
        return saved

    # ---- What is seen.

    def _see(self, hook: AgentHook, n: int, rewards: Any, dones: Any, infos: Any, actions: Any) -> None:
        hook.see_step((None, rewards[n], dones[n], infos[n]), self.num_timesteps)
        if self._decision is not None and actions is not None:
            found = self._decision(actions[n], n)
            if found is not None:
                hook.see_decision(found)


def _plain(name: str, value: Any) -> Any:
    if name in _SCHEDULES and callable(value):
        start, end = number(value(1.0)), number(value(0.0))
        return start if start == end else {"start": start, "end": end}
    simple = value is None or isinstance(value, (bool, int, float, str))
    return value if simple else str(value)[:200]


def _env_id(env: Any) -> str | None:
    """Where it lives in this process: a SubprocVecEnv's is not asked."""
    try:
        return str(env.unwrapped.envs[0].spec.id)
    except Exception:
        return None
