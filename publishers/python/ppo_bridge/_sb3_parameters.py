"""What may be set in a model of Stable-Baselines3 while it learns.

An attribute of a model is one thing, what its train() reads another: PPO's gamma was copied to the
rollout buffer, SAC's entropy coefficient is a tensor or learned, schedules are made when the model
is, and loading a saved model makes all of these anew from the attributes. So each parameter here
sets what is read now and what is saved, with nothing that a saved model cannot have in it.
"""

from __future__ import annotations

import math
from typing import Any, Callable

from ._steering_parameter import access
from .steering import Steering

# What train() and collect_rollouts() read, by the class of the algorithm.
_ON_POLICY = ("gamma", "gae_lambda", "max_grad_norm", "ent_coef", "vf_coef")
_OFF_POLICY = ("gamma", "tau", "batch_size", "gradient_steps", "learning_starts")
_PPO = (*_ON_POLICY, "clip_range", "clip_range_vf", "n_epochs", "batch_size", "target_kl")
_SAC = (*_OFF_POLICY, "ent_coef", "target_entropy", "target_update_interval")
_TD3 = (*_OFF_POLICY, "policy_delay", "target_policy_noise", "target_noise_clip")
_DQN = (
    *_OFF_POLICY,
    "max_grad_norm",
    "target_update_interval",
    "exploration_rate",
    "exploration_initial_eps",
    "exploration_final_eps",
    "exploration_fraction",
)
_READ = {
    "PPO": _PPO,
    "MaskablePPO": _PPO,
    "RecurrentPPO": _PPO,
    "A2C": _ON_POLICY,
    "TRPO": ("gamma", "gae_lambda", "target_kl"),
    "SAC": _SAC,
    "TQC": _SAC,
    "TD3": _TD3,
    "DQN": _DQN,
    "QRDQN": _DQN,
    # Of an algorithm that is not known, what all of its family read.
    "OnPolicyAlgorithm": ("gamma", "gae_lambda"),
    "OffPolicyAlgorithm": ("gamma",),
}

_RANGES: dict[str, tuple] = {
    "gamma": (0.0, 1.0),
    "gae_lambda": (0.0, 1.0),
    "tau": (0.0, 1.0),
    "ent_coef": (0.0, 100.0),
    "vf_coef": (0.0, 100.0),
    "max_grad_norm": (0.0, 1e6),
    "clip_range": (1e-6, 1.0),
    "clip_range_vf": (1e-6, 1e6),
    "target_kl": (1e-6, 10.0),
    "n_epochs": (1, 1000),
    "batch_size": (2, 1 << 20),
    "gradient_steps": (-1, 1 << 20),
    "learning_starts": (0, 1 << 40),
    "target_entropy": (-1e4, 1e4),
    "target_update_interval": (1, 1 << 40),
    "policy_delay": (1, 1 << 20),
    "target_policy_noise": (0.0, 100.0),
    "target_noise_clip": (0.0, 100.0),
    "exploration_rate": (0.0, 1.0),
    "exploration_initial_eps": (0.0, 1.0),
    "exploration_final_eps": (0.0, 1.0),
    "exploration_fraction": (1e-6, 1.0),
}
_ALSO = {"ent_coef": ("entropy_coefficient",), "vf_coef": ("value_coefficient",)}


def declare(steering: Steering, model: Any) -> None:
    """Declares all of the model's parameters that can be set."""
    if callable(getattr(model, "_setup_lr_schedule", None)):
        get, set = _learning_rate(model)
        steering.parameter("learning_rate", get=get, set=set, min=0.0, max=1.0, also=("lr",))
    names = (base.__name__ for base in type(model).__mro__)
    read = next((_READ[name] for name in names if name in _READ), ())
    for name in read:
        if getattr(model, name, None) is None:  # switched off, or of another version
            continue
        low, high = _RANGES[name]
        get, set, why = _special(model, name)
        also = _ALSO.get(name, ())
        steering.parameter(
            name, get=get, set=set, min=low, max=high, also=also, why_fixed=why
        )


def _special(model: Any, name: str) -> tuple[Callable, Callable, str]:
    if name in ("clip_range", "clip_range_vf"):
        return (*_schedule(model, name), "")
    if name in ("gamma", "gae_lambda"):
        return (*_copied(model, name), "")
    if name == "ent_coef" and hasattr(model, "log_ent_coef"):
        return _entropy_of_sac(model)
    if name == "target_entropy" and model.log_ent_coef is None:
        return (*access(model, name), "the entropy coefficient is fixed, so nothing reads it")
    if name.startswith("exploration_"):
        return (*_exploration(model, name), "")
    return (*access(model, name), "")


def _progress(model: Any) -> float:
    return getattr(model, "_current_progress_remaining", 1.0)


def _optimizers(model: Any) -> list:
    owners = [getattr(model, name, None) for name in ("policy", "actor", "critic")]
    found = [getattr(owner, "optimizer", None) for owner in owners]
    found.append(getattr(model, "ent_coef_optimizer", None))
    return [each for each in found if hasattr(each, "param_groups")]


def _learning_rate(model: Any) -> tuple[Callable, Callable]:
    def set(value: float) -> None:
        model.learning_rate = value
        model._setup_lr_schedule()
        for optimizer in _optimizers(model):  # before the next train() does
            for group in optimizer.param_groups:
                group["lr"] = value

    return (lambda: model.lr_schedule(_progress(model))), set


def _constant(value: float) -> Any:
    """A schedule as the library itself makes one, which a saved model can have."""
    from stable_baselines3.common import utils

    make = getattr(utils, "FloatSchedule", None) or utils.get_schedule_fn
    return make(value)


def _schedule(model: Any, name: str) -> tuple[Callable, Callable]:
    def get() -> Any:
        value = getattr(model, name)
        return value(_progress(model)) if callable(value) else value

    return get, (lambda value: setattr(model, name, _constant(value)))


def _copied(model: Any, name: str) -> tuple[Callable, Callable]:
    """The buffer has its own, made when the model was."""

    def owners() -> list:
        buffers = (getattr(model, b, None) for b in ("rollout_buffer", "replay_buffer"))
        return [model, *(buffer for buffer in buffers if hasattr(buffer, name))]

    def set(value: float) -> None:
        for owner in owners():
            setattr(owner, name, value)

    return (lambda: getattr(owners()[-1], name)), set


def _entropy_of_sac(model: Any) -> tuple[Callable, Callable, str]:
    if model.log_ent_coef is not None:
        get = lambda: math.exp(model.log_ent_coef.item())  # noqa: E731
        return get, get, "the model learns it (its ent_coef is %r)" % model.ent_coef

    def set(value: float) -> None:
        model.ent_coef_tensor.fill_(value)  # what train() reads
        model.ent_coef = value  # what a loaded model makes the tensor from

    return (lambda: model.ent_coef_tensor), set, ""


def _exploration(model: Any, name: str) -> tuple[Callable, Callable]:
    """A schedule made of three attributes; `exploration_rate` is what it gives, and set it stays."""

    def set(value: float) -> None:
        if name == "exploration_rate":
            model.exploration_initial_eps = model.exploration_final_eps = value
        else:
            setattr(model, name, value)
        from stable_baselines3.common import utils

        make = getattr(utils, "LinearSchedule", None) or utils.get_linear_fn
        model.exploration_schedule = make(
            model.exploration_initial_eps, model.exploration_final_eps, model.exploration_fraction
        )
        model.exploration_rate = model.exploration_schedule(_progress(model))

    return (lambda: getattr(model, name)), set
