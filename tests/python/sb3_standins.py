"""Stand-ins with the shapes of Stable-Baselines3 2.7: which attribute is made when, what train() reads,
in which order callbacks are called, and what a saved model holds. Nothing learns.
"""

from __future__ import annotations

import inspect
import os
import pickle
import tempfile
import types
from typing import Any

import numpy
from stand_ins import DummyVecEnv, Env, Monitor, VecNormalize


def module(name: str, **members: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(members)
    return made


# ---- torch


class Tensor:
    """One number of 32 bits."""

    def __init__(self, value: float) -> None:
        self.data = numpy.float32(value)

    def item(self) -> float:
        return float(self.data)

    def fill_(self, value: float) -> None:
        self.data = numpy.float32(value)


class Optimizer:
    def __init__(self, lr: float) -> None:
        self.param_groups = [{"params": [], "lr": lr}]


# ---- stable_baselines3.common.logger


class KVWriter:
    def write(self, key_values: dict, key_excluded: dict, step: int = 0) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Logger:
    def __init__(self, folder: str | None, output_formats: list) -> None:
        self.name_to_value: dict = {}
        self.name_to_excluded: dict = {}
        self.dir = folder
        self.output_formats = output_formats

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        self.name_to_value[key] = value
        self.name_to_excluded[key] = (exclude or "",)

    def dump(self, step: int = 0) -> None:
        for each in self.output_formats:
            if isinstance(each, KVWriter):
                each.write(self.name_to_value, self.name_to_excluded, step)
        self.name_to_value.clear()
        self.name_to_excluded.clear()


# ---- stable_baselines3.common.callbacks


class BaseCallback:
    def __init__(self, verbose: int = 0) -> None:
        self.n_calls = self.num_timesteps = 0
        self.verbose = verbose
        self.locals: dict = {}
        self.globals: dict = {}
        self.parent = None

    @property
    def training_env(self) -> Any:
        return self.model.env

    @property
    def logger(self) -> Logger:
        return self.model.logger

    def init_callback(self, model: Any) -> None:
        self.model = model

    def on_training_start(self, locals_: dict, globals_: dict) -> None:
        self.locals, self.globals = locals_, globals_
        self.num_timesteps = self.model.num_timesteps
        self._on_training_start()

    def on_step(self) -> bool:
        self.n_calls += 1
        self.num_timesteps = self.model.num_timesteps
        return self._on_step()

    def on_training_end(self) -> None:
        self._on_training_end()

    def update_locals(self, locals_: dict) -> None:
        self.locals.update(locals_)


# ---- stable_baselines3.common.utils


class ConstantSchedule:
    def __init__(self, val: float) -> None:
        self.val = val

    def __call__(self, _: float) -> float:
        return self.val


class LinearSchedule:
    def __init__(self, start: float, end: float, end_fraction: float) -> None:
        self.start, self.end, self.end_fraction = start, end, end_fraction

    def __call__(self, progress_remaining: float) -> float:
        done = 1 - progress_remaining
        if done > self.end_fraction:
            return self.end
        return self.start + done * (self.end - self.start) / self.end_fraction


class FloatSchedule:
    def __init__(self, value_schedule: Any) -> None:
        if isinstance(value_schedule, FloatSchedule):
            value_schedule = value_schedule.value_schedule
        if isinstance(value_schedule, (float, int)):
            value_schedule = ConstantSchedule(float(value_schedule))
        assert callable(value_schedule), value_schedule
        self.value_schedule = value_schedule

    def __call__(self, progress_remaining: float) -> float:
        return float(self.value_schedule(progress_remaining))


# ---- Algorithms and what they learn in


class FixedEnv(Env):
    """Episodes of these lengths in turn; each step earns 1, and tells `info`."""

    spec = types.SimpleNamespace(id="Fixed-v1")

    def __init__(self, lengths: list, info: dict | None = None) -> None:
        super().__init__(tuple(lengths))
        self._info = info or {}
        self.steps, self.fails_at = 0, 0

    def step(self, action: Any) -> tuple:
        self.steps += 1
        if self.steps == self.fails_at:
            raise RuntimeError("the game crashed")
        observation, _, terminated, truncated, _ = super().step(action)
        return observation, 1.0, terminated, truncated, dict(self._info)


def vec(*lengths: list, monitor: bool = True, info: dict | None = None) -> DummyVecEnv:
    """An environment with episodes of these lengths for each list."""
    envs = [FixedEnv(each, info) for each in lengths]
    return DummyVecEnv([Monitor(env) for env in envs] if monitor else envs)



class MlpPolicy:
    def __init__(self, lr: float) -> None:
        self.optimizer: Any = Optimizer(lr)


class BaseAlgorithm:
    policy_class = MlpPolicy
    defaults: dict = {}  # of the constructor
    excluded: tuple = ("policy", "env", "rollout_buffer", "replay_buffer", "_logger", "_vec_normalize_env")

    def __init__(self, policy: Any, env: Any, _init_setup_model: bool = True, **given: Any) -> None:
        self.env, self.n_envs = env, getattr(env, "num_envs", 1)
        self._vec_normalize_env = env if isinstance(env, VecNormalize) else None
        self.num_timesteps = self._total_timesteps = self._n_updates = 0
        self._current_progress_remaining = 1.0
        self._custom_logger = False
        self.tensorboard_log, self.read = None, {}
        vars(self).update(self.defaults)
        vars(self).update(given)
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.policy = MlpPolicy(self.lr_schedule(1))

    def _setup_lr_schedule(self) -> None:
        self.lr_schedule = FloatSchedule(self.learning_rate)

    @property
    def logger(self) -> Logger:
        return self._logger

    def set_logger(self, logger: Logger) -> None:
        self._logger, self._custom_logger = logger, True

    def _update_learning_rate(self, *optimizers: Optimizer) -> None:
        self.read["learning_rate"] = rate = self.lr_schedule(self._current_progress_remaining)
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def _setup_learn(self, total: int, callback: Any, reset: bool, tb_log_name: str) -> int:
        if reset:
            self.num_timesteps = 0
        else:
            total += self.num_timesteps
        self._total_timesteps = total
        if reset or not hasattr(self, "_last_obs"):
            self._last_obs = self.env.reset()
        if not self._custom_logger:
            folder = os.path.join(tempfile.gettempdir(), "SB3-2026-11-26-10-00-00-000000")
            if self.tensorboard_log is not None:
                folder = os.path.join(self.tensorboard_log, tb_log_name + "_1")
            self._logger = Logger(folder, [])
        callback.init_callback(self)
        return total

    def learn(
        self,
        total_timesteps: int,
        callback: Any,
        log_interval: int = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
    ) -> Any:
        tb_log_name = tb_log_name or type(self).__name__
        total_timesteps = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name)
        callback.on_training_start(locals(), globals())
        while self.num_timesteps < total_timesteps:
            if not self.collect_rollouts(callback):
                break
            self._current_progress_remaining = 1.0 - self.num_timesteps / total_timesteps
            self.logger.record("rollout/ep_rew_mean", 123.0)
            self.logger.record("rollout/ep_len_mean", 45.0)
            self.logger.record("time/fps", 1000)
            self.logger.record("time/iterations", 1, exclude="tensorboard")
            self.logger.dump(self.num_timesteps)
            self.train()
        callback.on_training_end()
        return self

    def collect_rollouts(self, callback: Any) -> bool:
        for _ in range(self.n_steps):
            actions = numpy.arange(self.n_envs)
            new_obs, rewards, dones, infos = self.env.step(actions)
            self.num_timesteps += self.n_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._on_step()
            rewards *= 7  # as bootstrapping changes them in place
        return True

    def _on_step(self) -> None:
        pass

    def train(self) -> None:
        raise NotImplementedError

    def torch_variables(self) -> list:
        return []

    def save(self, path: str) -> None:
        data = {k: v for k, v in vars(self).items() if k not in (*self.excluded, *self.torch_variables())}
        variables = {name: getattr(self, name).data for name in self.torch_variables()}
        with open(path, "wb") as file:
            pickle.dump((data, variables), file)

    @classmethod
    def load(cls, path: str, env: Any = None) -> Any:
        with open(path, "rb") as file:
            data, variables = pickle.load(file)
        model = cls("MlpPolicy", env, _init_setup_model=False)
        vars(model).update(data)
        model._setup_model()
        for name, value in variables.items():
            getattr(model, name).data = value
        return model


class OnPolicyAlgorithm(BaseAlgorithm):
    def _setup_model(self) -> None:
        super()._setup_model()
        self.rollout_buffer = types.SimpleNamespace(gamma=self.gamma, gae_lambda=self.gae_lambda)

    def collect_rollouts(self, callback: Any) -> bool:
        going_on = super().collect_rollouts(callback)
        self.read["gamma"] = self.rollout_buffer.gamma
        self.read["gae_lambda"] = self.rollout_buffer.gae_lambda
        return going_on

    def train(self) -> None:
        self._update_learning_rate(self.policy.optimizer)
        for name in ("ent_coef", "vf_coef", "max_grad_norm"):
            self.read[name] = 1.0 * getattr(self, name)
        self._n_updates += 1
        self.logger.record("train/value_loss", numpy.float64(0.5 + self._n_updates))
        self.logger.record("train/entropy_loss", -1.0)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")


class A2C(OnPolicyAlgorithm):
    defaults = dict(learning_rate=7e-4, n_steps=5, gamma=0.99, gae_lambda=1.0, ent_coef=0.0, vf_coef=0.5)
    defaults["max_grad_norm"] = 0.5


class PPO(OnPolicyAlgorithm):
    defaults = dict(learning_rate=3e-4, n_steps=4, batch_size=64, n_epochs=10, gamma=0.99, gae_lambda=0.95)
    defaults.update(clip_range=0.2, clip_range_vf=None, ent_coef=0.0, vf_coef=0.5, max_grad_norm=0.5)
    defaults.update(target_kl=None)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.clip_range = FloatSchedule(self.clip_range)

    def train(self) -> None:
        super().train()
        self.read["clip_range"] = self.clip_range(self._current_progress_remaining)
        self.read["n_epochs"] = len(range(self.n_epochs))


class OffPolicyAlgorithm(BaseAlgorithm):
    n_steps = 4
    shared = dict(learning_rate=3e-4, buffer_size=10, learning_starts=100, batch_size=256, gamma=0.99)
    shared.update(gradient_steps=1)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.replay_buffer = types.SimpleNamespace()

    def train(self) -> None:
        for name in ("gamma", "tau", "batch_size"):
            self.read[name] = getattr(self, name)


class DQN(OffPolicyAlgorithm):
    defaults = {**OffPolicyAlgorithm.shared, "tau": 1.0, "target_update_interval": 10_000}
    defaults.update(exploration_initial_eps=1.0, exploration_final_eps=0.05, exploration_fraction=0.1)
    defaults.update(max_grad_norm=10, exploration_rate=0.0)

    def _setup_model(self) -> None:
        super()._setup_model()
        eps = self.exploration_initial_eps, self.exploration_final_eps, self.exploration_fraction
        self.exploration_schedule = LinearSchedule(*eps)

    def _on_step(self) -> None:
        self.exploration_rate = self.exploration_schedule(self._current_progress_remaining)
        self.read["exploration_rate"] = self.exploration_rate
        self.read["target_update_interval"] = self.target_update_interval
        self.logger.record("rollout/exploration_rate", self.exploration_rate)

    def train(self) -> None:
        super().train()
        self._update_learning_rate(self.policy.optimizer)
        self.logger.record("train/loss", 0.25)


class SAC(OffPolicyAlgorithm):
    defaults = {**OffPolicyAlgorithm.shared, "tau": 0.005, "ent_coef": "auto", "target_entropy": "auto"}
    defaults.update(target_update_interval=1, log_ent_coef=None, ent_coef_optimizer=None)
    excluded = (*BaseAlgorithm.excluded, "actor", "critic", "ent_coef_optimizer")

    def _setup_model(self) -> None:
        super()._setup_model()
        self.actor, self.critic = MlpPolicy(self.lr_schedule(1)), MlpPolicy(self.lr_schedule(1))
        self.policy.optimizer = None
        automatic = self.target_entropy == "auto"
        self.target_entropy = -1.0 if automatic else float(self.target_entropy)
        if isinstance(self.ent_coef, str) and self.ent_coef.startswith("auto"):
            self.log_ent_coef = Tensor(0.0)
            self.ent_coef_optimizer = Optimizer(self.lr_schedule(1))
        else:
            self.ent_coef_tensor = Tensor(float(self.ent_coef))

    def train(self) -> None:
        super().train()
        optimizers = [self.actor.optimizer, self.critic.optimizer, self.ent_coef_optimizer]
        self._update_learning_rate(*(each for each in optimizers if each is not None))
        learned = self.log_ent_coef is not None
        tensor = self.log_ent_coef if learned else self.ent_coef_tensor
        self.read["ent_coef"] = float(numpy.exp(tensor.item())) if learned else tensor.item()
        self.read["target_entropy"] = self.target_entropy
        self.logger.record("train/ent_coef", self.read["ent_coef"])
        self.logger.record("train/actor_loss", numpy.float32(-2.5))

    def torch_variables(self) -> list:
        return ["ent_coef_tensor" if self.log_ent_coef is None else "log_ent_coef"]


for _algorithm in (A2C, PPO, DQN, SAC):  # as the constructors name their parameters
    _kind = inspect.Parameter.KEYWORD_ONLY
    _names = ["self", "policy", "env", *_algorithm.defaults, "_init_setup_model"]

    def _init(self: Any, *args: Any, _base: Any = BaseAlgorithm.__init__, **kwargs: Any) -> None:
        _base(self, *args, **kwargs)

    _init.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in _names]
    )
    _algorithm.__init__ = _init  # type: ignore[method-assign]

_schedules = {"FloatSchedule": FloatSchedule, "LinearSchedule": LinearSchedule}
_utils = module("stable_baselines3.common.utils", **_schedules)
MODULES = {
    "stable_baselines3": module("stable_baselines3"),
    "stable_baselines3.common": module("stable_baselines3.common", utils=_utils),
    "stable_baselines3.common.callbacks": module("callbacks", BaseCallback=BaseCallback),
    "stable_baselines3.common.logger": module("logger", KVWriter=KVWriter),
    "stable_baselines3.common.utils": _utils,
}
