"""What is published of one hooked environment: of one, of several at once, or of agents by turns."""

from __future__ import annotations

from typing import Any, Callable

from . import _steps
from ._extract import is_mapping, number
from ._hook import Hook, HookStats, log
from ._names import is_name, with_suffix
from .publisher import Publisher

_PARTS_MAX = 1024  # environments or agents in one, seen one by one


class EnvHook(Hook):
    """An environment whose results say by their shape how many it is. Of several, each has episodes
    of its own, under the name of the agent with ".N" behind it; agents that have names keep them."""

    def __init__(
        self,
        publisher: Publisher,
        env: Any,
        env_id: str,
        agent_id: str | None,
        stats: HookStats,
        kind: str | None = None,
    ) -> None:
        super().__init__(publisher, env_id if agent_id is None else agent_id, stats, kind)
        self._owner = env
        self._env_id = env_id
        self._given = agent_id
        self._parts: dict[Any, Hook] = {}
        self._single: Any = None  # a type of flags that only one environment has
        self._waited: Any = 0
        facts = self.guarded(_steps.Facts, env) or _steps.Facts(None)
        self._env = facts.innermost
        self._facts = facts
        self.know(facts)
        self._raw_rewards = facts.raw_rewards
        self._resets_next_step = facts.resets_next_step
        self._count = facts.count

    def sees(self) -> dict[str, tuple]:
        """What of the environment is to be hooked, and what then sees it."""
        env = self._owner
        if callable(_steps.own(env, "agent_iter")) and callable(_steps.own(env, "last")):
            return {
                "step": (self.see_turn, self.read_turn),
                "reset": (self.see_turns_reset, self.read_turns),
            }
        reset = (self.see_reset, self.read_reset)
        if callable(_steps.own(env, "step_wait")) and callable(_steps.own(env, "step_async")):
            # step() waits as well, for those that call it.
            return {
                "step": (self.see_step_unless_waited, None),
                "step_wait": (self.see_step_wait, None),
                "reset": reset,
            }
        return {"step": (self.see_step, None), "reset": reset}

    def acted_by(self, agents: list[str]) -> None:
        """`agents`: all that are hooked. A lone one acts here, unless another was named."""
        if self._given is None:
            self.rename(agents[0] if len(agents) == 1 else self._env_id)
            for key, part in self._parts.items():
                part.rename(self._name_of(key))

    # ---- One, or several at once.

    def see_step_wait(self, result: Any) -> None:
        self._waited = id(result)
        self.see_step(result)

    def see_step_unless_waited(self, result: Any) -> None:
        waited, self._waited = self._waited, 0
        if waited != id(result):
            self.see_step(result)

    def read_reset(self, original: Callable, args: tuple, kwargs: dict) -> list | None:
        """Which of several are reset; None: all."""
        options = kwargs.get("options")
        mask = options.get("reset_mask") if is_mapping(options) else None
        return None if mask is None else _steps.listed(mask)

    def see_reset(self, result: Any, seen: list | None = None) -> None:
        if not self._parts:
            for n in range(min(self._count, self._parts_max(self._count))):
                self._part(n)
        if not self._parts:
            return super().see_reset(result)
        info = result[-1] if isinstance(result, (tuple, list)) and result else None
        for n, (key, part) in enumerate(self._parts.items()):
            if seen is None or (n < len(seen) and _steps.flag(seen[n])):
                named = is_mapping(info) and key in info
                part.see_reset((None, info[key] if named else _steps.nth(info, n)))
                part._resetting = False

    def _end_episode(self, ended: str, info: Any) -> None:
        super()._end_episode(ended, info)
        self._resetting = self._resets_next_step and ended != "reset"

    def _see_many(self, result: Any) -> bool:
        kind = type(result[2])
        if kind is self._single:
            return False
        if not self._parts and not _steps.of_many(result):
            if not hasattr(kind, "__len__"):
                self._single = kind
            return False
        if is_mapping(result[1]) or is_mapping(result[2]):
            self._see_named(*result)
        else:
            self._see_arrays(result)
        return True

    def _see_arrays(self, result: Any) -> None:
        observations, rewards, done = result[:3]
        infos = result[-1]
        flags = _steps.listed(done) or []
        cuts = _steps.listed(result[3]) if len(result) == 5 else None
        if cuts is not None and len(cuts) != len(flags):
            cuts = None
        if self._raw_rewards is not None:
            rewards = self._raw_rewards()
        rewards = _steps.listed(rewards) or []
        parts = [self._part(n) for n in range(min(len(flags), self._parts_max(len(flags))))]
        self.global_step += len(flags)
        for part, reward in zip(parts, rewards):
            if part._resetting:
                part._resetting = False
                self.global_step -= 1
                continue
            if type(reward) is not float:
                reward = part._read_reward(reward, result)
            part._steps += 1
            part._reward = total = part._reward + reward
            if total - total != 0.0:
                part._see_not_finite(reward)
        if True in flags or (cuts is not None and True in cuts):
            for n, part in enumerate(parts):
                cut = cuts is not None and _steps.flag(cuts[n])
                if cut or _steps.flag(flags[n]):
                    self._end_part(part, cuts is not None, cut, _steps.nth(infos, n))
        self._see_infos(parts, infos, observations)

    def _end_part(self, part: Hook, told_apart: bool, cut: bool, info: Any) -> None:
        last = info.get("final_info") if is_mapping(info) else None
        if not is_mapping(last):  # else `info` is of the next episode, statistics aside
            last = info
        part._see_info(last, None)
        part.global_step = self.global_step
        part._end_episode(_steps.how_ended(told_apart, cut, last), info)
        part._resetting = self._resets_next_step

    def _see_infos(self, parts: list, infos: Any, observations: Any) -> None:
        """Portfolios and trades, where there are any."""
        if isinstance(infos, (list, tuple)):
            for part, info in zip(parts, infos):
                if type(info) is dict and not _steps.TOLD.isdisjoint(info):
                    part._see_info(info, None)
        elif is_mapping(infos) and not _steps.TOLD.isdisjoint(infos):
            for n, part in enumerate(parts):
                part._see_info(_steps.nth(infos, n), None)
        if is_mapping(observations) and not _steps.TOLD.isdisjoint(observations):
            for n, part in enumerate(parts):
                part._see_info(None, _steps.nth(observations, n))

    def _see_named(self, observations: Any, rewards: Any, done: Any, *rest: Any) -> None:
        cuts, infos = rest if len(rest) == 2 else ({}, rest[0])

        def of(values: Any, name: Any, default: Any = None) -> Any:
            return values.get(name, default) if is_mapping(values) else default

        rewards = rewards if is_mapping(rewards) else {}
        self.global_step += len(rewards)
        for name in list(rewards)[: self._parts_max(len(rewards))]:
            part = self._part(name)
            info = of(infos, name, {})
            ends = of(done, name, False), of(cuts, name, False)
            part.see_step((of(observations, name), rewards[name], *ends, info), self.global_step)
        for name, part in self._parts.items():
            every = of(done, "__all__", False), of(cuts, "__all__", False)
            ended = of(done, name, every[0]), of(cuts, name, every[1])
            any_ended = any(map(_steps.flag, (*every, *ended)))
            if any_ended and part._steps not in (0, part._life_lost):
                cut = not _steps.flag(ended[0]) and not _steps.flag(every[0])
                part.global_step = self.global_step
                part._end_episode("truncated" if cut else "terminated", of(infos, name, {}))

    def _parts_max(self, count: int) -> int:
        if count > _PARTS_MAX and "many" not in self._said:
            self._said.add("many")
            log.warning("%s: the first %d of %d are seen", self.agent_id, _PARTS_MAX, count)
        return _PARTS_MAX

    def _part(self, key: Any) -> Hook:
        part = self._parts.get(key)
        if part is None:
            part = Hook(self._publisher, self._name_of(key), self._stats, self._kind)
            part.know(self._facts)
            self._parts[key] = part
        return part

    def _name_of(self, key: Any) -> str:
        if type(key) is int or self._given is not None or not is_name(str(key)):
            place = list(self._parts).index(key) if key in self._parts else len(self._parts)
            name = str(key) if is_name(str(key)) else str(place)
            return with_suffix(self.agent_id, "." + name[:32])
        return str(key)

    def end(self) -> None:
        super().end()
        for part in self._parts.values():
            part.end()

    # ---- Agents by turns, as PettingZoo's AEC environments have them.

    def read_turn(self, original: Callable, args: tuple, kwargs: dict) -> tuple:
        """Whose turn it is, and what it has got since its last one."""
        env = self._owner
        try:
            return env.agent_selection, env.last(observe=False)
        except TypeError:  # others than PettingZoo's may have no choice
            return env.agent_selection, env.last()

    def see_turn(self, result: Any, seen: tuple | None) -> None:
        if seen is None:  # reading it failed, which is counted
            return
        name, last = seen
        if not isinstance(last, (tuple, list)) or not 4 <= len(last) <= 5:
            return self.unrecognised("last", last, _steps.LOOKED_FOR)
        reward, ended, info = last[1], last[2], last[-1]
        cut = len(last) == 5 and last[3]
        if name not in self._parts and len(self._parts) >= self._parts_max(len(self._parts) + 1):
            return
        part = self._part(name)
        if not (_steps.flag(ended) or _steps.flag(cut)):
            self.global_step += 1
            return part.see_step((None, reward, False, False, info), self.global_step)
        # A turn of an agent that is done already: what it got last, and no step of its own.
        if part._steps > 0:
            part._steps -= 1
            part.see_step((None, reward, ended, cut, info), self.global_step)

    def read_turns(self, original: Callable, args: tuple, kwargs: dict) -> dict:
        """What agents have got that did not have a turn since, where a loop ends before they do."""
        left = getattr(self._owner, "_cumulative_rewards", None)
        return dict(left) if is_mapping(left) else {}

    def see_turns_reset(self, result: Any, seen: dict | None) -> None:
        for name, part in self._parts.items():
            if part._steps > 0:
                left = number((seen or {}).get(name))
                part._reward += 0.0 if left is None else left
                part.global_step = self.global_step
            part.see_reset(result)
