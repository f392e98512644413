"""Stand-ins for the environments and loops of libraries that no package registry has: their shapes, and
the class names by which hooks know their wrappers. Each keeps an account of its own of what happened.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy


class Env:
    """As gymnasium.Env. Rewards of halves and quarters, so that sums are exact; `ends` are the lengths
    of its episodes in turn. `account`: return and length of each that ended."""

    metadata: dict = {}

    def __init__(self, ends: tuple = (3, 5, 2), seed: int = 1, truncates: bool = False) -> None:
        self._ends, self._seed, self._truncates = ends, seed, truncates
        self.account: list[tuple[float, int]] = []
        self._count = self._step = 0
        self._return = 0.0

    @property
    def unwrapped(self) -> Any:
        return self

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple:
        self._step, self._return = 0, 0.0
        return numpy.zeros(2), {}

    def step(self, action: Any) -> tuple:
        self._count += 1
        self._step += 1
        reward = ((self._count * 7 + self._seed * 3) % 11 - 5) / 4
        self._return += reward
        over = self._step >= self._ends[len(self.account) % len(self._ends)]
        if over:
            self.account.append((self._return, self._step))
        ends = (False, over) if self._truncates else (over, False)
        return numpy.full(2, self._count), reward, *ends, {}

    def close(self) -> None:
        pass


class Wrapper:
    """As gymnasium.Wrapper."""

    metadata: dict = {}

    def __init__(self, env: Any) -> None:
        self.env = env

    @property
    def unwrapped(self) -> Any:
        return self.env.unwrapped

    @property
    def spec(self) -> Any:
        return self.env.spec

    def reset(self, **kwargs: Any) -> tuple:
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple:
        return self.env.step(action)

    def close(self) -> None:
        self.env.close()


class RecordEpisodeStatistics(Wrapper):
    """As gymnasium.wrappers'; Stable-Baselines3's Monitor gives the same."""

    def reset(self, **kwargs: Any) -> tuple:
        self._return, self._length = 0.0, 0
        return super().reset(**kwargs)

    def step(self, action: Any) -> tuple:
        observation, reward, terminated, truncated, info = super().step(action)
        self._return += reward
        self._length += 1
        if terminated or truncated:
            info["episode"] = {"r": numpy.float32(self._return), "l": self._length, "t": 0.1}
        return observation, reward, terminated, truncated, info


class Monitor(RecordEpisodeStatistics):
    """As Stable-Baselines3's."""


class NormalizeReward(Wrapper):
    def step(self, action: Any) -> tuple:
        observation, reward, *rest = super().step(action)
        return (observation, reward / 7, *rest)


class EpisodicLifeEnv(Wrapper):
    """As for Atari: every other step a life is lost, which looks like an end; reset() goes on."""

    over = True
    steps = 0

    def step(self, action: Any) -> tuple:
        observation, reward, terminated, truncated, info = super().step(action)
        self.steps += 1
        self.over = terminated or truncated
        return observation, reward, terminated or self.steps % 2 == 0, truncated, info

    def reset(self, **kwargs: Any) -> tuple:
        return super().reset(**kwargs) if self.over else (numpy.zeros(2), {})


class AutoresetMode(enum.Enum):
    NEXT_STEP = "NextStep"
    SAME_STEP = "SameStep"
    DISABLED = "Disabled"


class SyncVectorEnv:
    """As gymnasium.vector's of 1.x. With `mode` None as of 0.29: the same step resets, and what was
    last said is an array of mappings."""

    def __init__(self, envs: list, mode: AutoresetMode | None = AutoresetMode.NEXT_STEP) -> None:
        self.envs, self.mode = envs, mode
        self.num_envs = len(envs)
        self.metadata = {} if mode is None else {"autoreset_mode": mode}
        self._over = numpy.zeros(self.num_envs, bool)

    def _add(self, infos: dict, info: dict, n: int) -> dict:
        for key, value in info.items():
            if isinstance(value, dict) and not (self.mode is None and key == "final_info"):
                infos[key] = self._add(infos.get(key, {}), value, n)
            elif isinstance(value, (int, float, numpy.number)):
                infos.setdefault(key, numpy.zeros(self.num_envs, type(value)))[n] = value
            else:
                infos.setdefault(key, numpy.full(self.num_envs, None, object))[n] = value
            infos.setdefault("_" + key, numpy.zeros(self.num_envs, bool))[n] = True
        return infos

    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple:
        mask = (options or {}).pop("reset_mask", numpy.ones(self.num_envs, bool))
        infos: dict = {}
        for n in numpy.nonzero(mask)[0]:
            infos = self._add(infos, self.envs[n].reset()[1], n)
            self._over[n] = False
        return numpy.zeros((self.num_envs, 2)), infos

    def step(self, actions: Any) -> tuple:
        rewards = numpy.zeros(self.num_envs)
        ends = numpy.zeros((2, self.num_envs), bool)
        infos: dict = {}
        for n, env in enumerate(self.envs):
            if self.mode is AutoresetMode.NEXT_STEP and self._over[n]:
                _, info = env.reset()
            else:
                _, rewards[n], ends[0, n], ends[1, n], info = env.step(actions[n])
                if self.mode in (None, AutoresetMode.SAME_STEP) and (ends[0, n] or ends[1, n]):
                    infos = self._add(infos, {"final_obs": numpy.ones(2), "final_info": info}, n)
                    _, info = env.reset()
            infos = self._add(infos, info, n)
        self._over = ends[0] | ends[1]
        return numpy.zeros((self.num_envs, 2)), rewards, ends[0], ends[1], infos


class VectorRecordEpisodeStatistics:
    """As gymnasium.wrappers.vector.RecordEpisodeStatistics, and as 0.29 had it in gymnasium.wrappers."""

    def __init__(self, env: SyncVectorEnv) -> None:
        self.env, self.num_envs, self.metadata = env, env.num_envs, env.metadata

    def reset(self, **kwargs: Any) -> tuple:
        self._returns, self._lengths = numpy.zeros(self.num_envs), numpy.zeros(self.num_envs, int)
        self._over = numpy.zeros(self.num_envs, bool)
        return self.env.reset(**kwargs)

    def step(self, actions: Any) -> tuple:
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        waited = self._over & (self.env.mode is AutoresetMode.NEXT_STEP)
        self._returns = numpy.where(waited, 0, self._returns * ~(self._over & ~waited) + rewards)
        self._lengths = numpy.where(waited, 0, self._lengths * ~(self._over & ~waited) + 1)
        self._over = terminated | truncated
        if self._over.any():
            told = {"r": numpy.where(self._over, self._returns, 0.0)}
            told["l"] = numpy.where(self._over, self._lengths, 0)
            infos["episode"], infos["_episode"] = told, self._over
        return observations, rewards, terminated, truncated, infos


VectorRecordEpisodeStatistics.__name__ = "RecordEpisodeStatistics"


class DummyVecEnv:
    """As Stable-Baselines3's."""

    def __init__(self, envs: list) -> None:
        self.envs, self.num_envs = envs, len(envs)

    @property
    def unwrapped(self) -> Any:
        return self

    def reset(self) -> Any:
        for env in self.envs:
            env.reset()
        return numpy.zeros((self.num_envs, 2))

    def step_async(self, actions: Any) -> None:
        self._actions = actions

    def step_wait(self) -> tuple:
        rewards, dones = numpy.zeros(self.num_envs, numpy.float32), numpy.zeros(self.num_envs, bool)
        infos: list = [{} for _ in self.envs]
        for n, env in enumerate(self.envs):
            _, rewards[n], terminated, truncated, infos[n] = env.step(self._actions[n])
            dones[n] = terminated or truncated
            infos[n]["TimeLimit.truncated"] = truncated and not terminated
            if dones[n]:
                infos[n]["terminal_observation"] = numpy.ones(2)
                env.reset()
        return numpy.zeros((self.num_envs, 2)), rewards, dones, infos

    def step(self, actions: Any) -> tuple:
        self.step_async(actions)
        return self.step_wait()


class VecNormalize(DummyVecEnv):
    """As Stable-Baselines3's: a wrapper whose rewards are others than the environment's."""

    def __init__(self, venv: DummyVecEnv) -> None:
        self.venv, self.num_envs = venv, venv.num_envs

    @property
    def unwrapped(self) -> Any:
        return self.venv.unwrapped

    def reset(self) -> Any:
        return self.venv.reset()

    def step_async(self, actions: Any) -> None:
        self.venv.step_async(actions)

    def step_wait(self) -> tuple:
        observations, self._raw, dones, infos = self.venv.step_wait()
        return observations, self._raw / 8, dones, infos

    def get_original_reward(self) -> Any:
        return self._raw.copy()

    def save(self, path: str) -> None:
        with open(path, "wb") as file:
            file.write(b"statistics")


class VecMonitor(VecNormalize):
    """As Stable-Baselines3's: says return and length of what it wraps."""

    def reset(self) -> Any:
        self._returns, self._lengths = numpy.zeros(self.num_envs), numpy.zeros(self.num_envs, int)
        return self.venv.reset()

    def step_wait(self) -> tuple:
        observations, rewards, dones, infos = self.venv.step_wait()
        self._returns += rewards
        self._lengths += 1
        for n in numpy.nonzero(dones)[0]:
            infos[n]["episode"] = {"r": self._returns[n], "l": self._lengths[n], "t": 0.1}
            self._returns[n], self._lengths[n] = 0, 0
        return observations, rewards, dones, infos

    def get_original_reward(self) -> Any:
        return self.venv.get_original_reward()


class ParallelEnv:
    """As PettingZoo's, of agents that end at different steps."""

    def __init__(self, ends: dict) -> None:
        self.possible_agents, self._ends = list(ends), ends
        self.account: dict[str, list] = {name: [] for name in ends}

    def reset(self, seed: Any = None, options: Any = None) -> tuple:
        self.agents, self._step = list(self.possible_agents), 0
        self._returns = dict.fromkeys(self.agents, 0.0)
        return {name: 0 for name in self.agents}, {name: {} for name in self.agents}

    def step(self, actions: dict) -> tuple:
        self._step += 1
        rewards = {name: self._step * (n + 1) / 4 for n, name in enumerate(self.agents)}
        over = {name: self._step >= self._ends[name] for name in self.agents}
        for name, reward in rewards.items():
            self._returns[name] += reward
            if over[name]:
                self.account[name].append((self._returns[name], self._step))
        parts = {name: self._step for name in self.agents}, rewards, over
        cuts, infos = dict.fromkeys(over, False), {name: {} for name in self.agents}
        self.agents = [name for name in self.agents if not over[name]]
        return (*parts, cuts, infos)


class AECEnv:
    """As PettingZoo's: agents act by turns, and each step rewards them all. One that is done has one
    more turn, without an action."""

    def __init__(self, ends: dict) -> None:
        self.possible_agents, self._ends = list(ends), ends
        self.account: dict[str, list] = {name: [] for name in ends}

    def reset(self, seed: Any = None, options: Any = None) -> None:
        self.agents = list(self.possible_agents)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict = {name: {} for name in self.agents}
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self._steps = dict.fromkeys(self.agents, 0)
        self._returns = dict.fromkeys(self.agents, 0.0)
        self.agent_selection = self.agents[0]

    def agent_iter(self) -> Any:
        while self.agents:
            yield self.agent_selection

    def last(self, observe: bool = True) -> tuple:
        name = self.agent_selection
        return (
            numpy.zeros(2) if observe else None,
            self._cumulative_rewards[name],
            self.terminations[name],
            self.truncations[name],
            self.infos[name],
        )

    def step(self, action: Any) -> None:
        name = self.agent_selection
        place = self.agents.index(name)
        if self.terminations[name]:
            assert action is None
            self.account[name].append((self._returns[name], self._steps[name]))
            self.agents.remove(name)
            place -= 1
        else:
            self._cumulative_rewards[name] = 0.0
            self._steps[name] += 1
            for n, each in enumerate(self.agents):
                reward = (n + 1) / 4
                self._cumulative_rewards[each] += reward
                self._returns[each] += reward
            if self._steps[name] >= self._ends[name]:
                self.terminations[name] = True
        if self.agents:
            self.agent_selection = self.agents[(place + 1) % len(self.agents)]


class ActionType(enum.IntEnum):
    HOLD = 0
    BUY = 1
    SELL = 2


@dataclasses.dataclass
class TradeResult:
    success: bool
    item_id: int
    action: ActionType
    quantity: int
    price: float
    cost: float
    pnl: float = 0.0


@dataclasses.dataclass
class Position:
    item_id: int
    quantity: int = 0


class SeedEnv(Env):
    """As the environment of the seed's scripts: how many trades is in info, and they themselves and what
    is held are the environment's."""

    def __init__(self, ends: tuple = (3, 5, 2), seed: int = 1) -> None:
        super().__init__(ends, seed)
        self.item_metadata = {4151: {"name": "Abyssal whip"}, 453: {"name": "Coal"}}
        self._begin()

    def _begin(self) -> None:
        self.cash, self.realized_pnl = 10_000.0, 0.0
        self.positions = {item: Position(item) for item in self.item_metadata}
        self.trade_history: list[TradeResult] = []

    def _info(self) -> dict:
        held = sum(position.quantity for position in self.positions.values())
        total = self.cash + 100 * held
        return {"cash": self.cash, "total_value": total, "realized_pnl": self.realized_pnl}

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple:
        observation, _ = super().reset()
        self._begin()
        return observation, self._info()

    def step(self, action: Any) -> tuple:
        result = super().step(action)
        count = 0
        if self._step == 1:
            bought = TradeResult(True, 453, ActionType.BUY, 4, 100.0, 400.0)
            self.positions[453].quantity += 4
            self.cash -= 400
            self.trade_history.append(bought)
            count = 1
        elif self._step == 2:
            sold = TradeResult(True, 453, ActionType.SELL, 3, 110.0, 330.0, 30.0)
            self.positions[453].quantity -= 3
            self.cash += 330
            self.realized_pnl += 30
            self.trade_history.append(sold)
            count = 1
        return (*result[:4], {**self._info(), "step_trades": count})
