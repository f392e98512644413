"""What is published of one hooked agent or environment."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any, Callable

from . import _extract, _quick_text, _steps
from ._extract import is_mapping, number
from ._hooked_method import HookedMethod
from ._log import log
from ._names import printable
from ._quick_text import NUMBERS
from ._stats import HookStats
from .publisher import Publisher

SCALARS = (int, float, str, bool, type(None))
_NUMBERS_OR_NONE = frozenset((int, float, type(None)))
_NAN = float("nan")


class Hook:
    """One hooked agent, or the episodes of one environment. Publishes until end()."""

    # Of the episode under way; see _start_episode().
    _reward: float
    _not_finite: int
    _life_lost: int
    _profit: Any
    _final_value: Any
    _told: tuple | None  # the numbers of a portfolio, after _profit and _final_value

    def __init__(
        self, publisher: Publisher, agent_id: str, stats: HookStats, kind: str | None = None
    ) -> None:
        """`kind`: of episodes, "train" or "eval"."""
        self.active = True
        self.agent_id = agent_id
        self.global_step = 0  # steps seen so far, in all episodes
        self._publisher = publisher
        self._stats = stats
        self._kind = kind
        self._lock = threading.RLock()  # guards the next
        self._methods: list[HookedMethod] = []
        self._said: set[str] = set()
        self._actions = _quick_text.Actions(agent_id)
        # Of environments.
        self._env: Any = None  # asked for what info leaves out
        self._env_tells = False
        self.know(_steps.Facts(None))
        self._episode = 1
        self._seen: tuple = ()  # of the portfolio, last published
        self._shape: tuple | None = None  # what of it the template is for
        self._inventory: dict | None = None  # a copy of the one last seen
        self._template = ""  # of the portfolio's text
        # How many names an info has in which no more than numbers change, and what reads just these names.
        self._usual = -1
        self._numbers_of: Callable = tuple
        self._rest_of: Callable = tuple
        self._info_agent: Any = None
        self._resetting = False  # the next step only resets
        self._start_episode()

    def attach(self, owner: Any, sees: dict[str, tuple]) -> bool:
        """Hooks what of these methods `owner` has; False where it has none, or does not let itself
        be changed."""
        for name, (see, before) in sees.items():
            try:
                if not callable(getattr(owner, name, None)):
                    continue
                method = HookedMethod(self, owner, name, see, before)
                method.install()
                self._methods.append(method)
            except Exception as error:
                text = "cannot hook %s of a %s: %s"
                log.warning(text, name, type(owner).__name__, printable(str(error)))
        return bool(self._methods)

    def know(self, facts: _steps.Facts) -> None:
        """Of the environment whose episodes these are."""
        self._monitored = facts.monitored  # info["episode"] comes with every end
        self._sums_own = facts.monitor_sees_normalised  # and has others than the environment's rewards
        self._reward_from = facts.reward_from

    def rename(self, agent_id: str) -> None:
        if agent_id != self.agent_id:
            self.agent_id, self._usual = agent_id, -1

    def end(self) -> None:
        with self._lock:
            self.active = False
            methods, self._methods = self._methods, []
        for method in reversed(methods):
            try:
                method.restore()
            except Exception as error:
                log.warning("cannot unhook %s: %s", method.name, printable(str(error)))

    def guarded(self, body: Callable, *args: Any) -> Any:
        """Reading and publishing must not disturb the call that they watch."""
        try:
            return body(*args) if self.active else None
        except Exception as error:
            return self.failed(error)

    def failed(self, error: Exception) -> None:
        self._stats.failed += 1
        text = "%s: %s" % (type(error).__name__, printable(str(error)))
        self._publisher.refuse("hooked", text)

    def unrecognised(self, method: str, result: Any, looked_for: str) -> None:
        """Counts it, and says so once."""
        self._stats.unrecognised += 1
        if method not in self._said:
            self._said.add(method)
            text = "%s: %s() gave %s; looked for %s"
            log.warning(text, self.agent_id, method, _steps.described(result), looked_for)

    # ---- Environments.

    def see_step(self, result: Any, global_step: int | None = None) -> None:
        """Of one environment. `global_step`: how many steps there were before and with this one, where
        the caller knows."""
        if type(result) is tuple and len(result) == 5:
            observation, reward, done, cut, info = result
        elif isinstance(result, (tuple, list)) and 4 <= len(result) <= 5 and not hasattr(result, "step_type"):
            observation, reward, done = result[:3]
            info = result[-1]
            cut = result[3] if len(result) == 5 else False
        else:
            return self.unrecognised("step", result, _steps.LOOKED_FOR)
        if self._resetting:  # nothing but a reset, which calls for no action
            self._resetting = False
            return self.see_reset((observation, info))
        if done is not False and done is not True and self._see_many(result):
            return
        self.global_step = self.global_step + 1 if global_step is None else global_step
        if type(reward) is not float:
            reward = self._read_reward(reward, result)
        self._steps += 1
        self._reward = total = self._reward + reward
        if total - total != 0.0:  # NaN or infinite
            self._see_not_finite(reward)
        if type(info) is not dict or len(info) != self._usual or not self._see_usual(info):
            self._see_info(info, observation)
        if done is not False or cut is not False:
            truncated = _steps.flag(cut)
            if truncated or _steps.flag(done):
                self._end_episode(_steps.how_ended(len(result) == 5, truncated, info), info)

    def _see_usual(self, info: dict) -> bool:
        """_see_info() where no more than numbers changed; False where it has to look more closely."""
        try:
            numbers = self._numbers_of(info)
            inventory, told = self._rest_of(info)
            if type(inventory) is not dict or inventory != self._inventory:
                return False
        except Exception:  # of other names, or not to be compared
            return False
        for one in numbers:
            if type(one) not in NUMBERS:
                return False
        if told:
            self._see_told_trades(told, info)
        self._told = numbers
        if numbers != self._seen:
            self._seen = numbers
            if self._publisher.offer_filled(self._template, numbers):
                self._stats.portfolios += 1
            else:
                self._stats.failed += 1
        return True

    def _see_many(self, result: Any) -> bool:
        """Whether it was the result of several, and seen as that."""
        return False

    def see_reset(self, result: Any, seen: Any = None) -> None:
        if self._steps not in (0, self._life_lost):
            self._end_episode("reset", None)
        if isinstance(result, (tuple, list)) and result:
            self._see_info(result[-1], result[0])
        elif is_mapping(result):  # an observation by itself, from an older reset()
            self._see_info(result, None)

    def _read_reward(self, reward: Any, result: Any) -> Any:
        """A flag is 0 or 1, as it is to whoever adds rewards up."""
        try:
            if not isinstance(reward, (str, bytes)):
                return float(reward)
        except OverflowError:
            return _NAN
        except Exception:
            pass
        self.unrecognised("step", result, "a reward that is a number")
        return _NAN

    def _see_not_finite(self, reward: float) -> None:
        if reward - reward != 0.0:
            self._not_finite += 1
            self._stats.not_finite += 1

    def _see_info(self, info: Any, observation: Any) -> None:
        """Trades and portfolio; of what info leaves out, what a mapping of an observation says."""
        if type(info) is not dict and not is_mapping(info):
            if not is_mapping(observation):
                return
            info, observation = observation, None
        self._take_told()
        self._usual = -1
        get = info.get
        cash, gp, total, inventory = get("cash"), get("gp"), get("total_value"), get("inventory")
        value, realized = get("inventory_value"), get("realized_pnl")
        agent, told = get("agent_id"), get("step_trades")
        if cash is not None:
            gp = cash
        complete = gp is not None and total is not None and inventory is not None
        if not complete and is_mapping(observation):
            get = observation.get  # says what info leaves out
            gp = get("cash", get("gp")) if gp is None else gp
            total = get("total_value") if total is None else total
            inventory = get("inventory") if inventory is None else inventory
            value = get("inventory_value") if value is None else value
            realized = get("realized_pnl") if realized is None else realized
        numbers: tuple = gp, total, value, realized
        if not _NUMBERS_OR_NONE.issuperset(map(type, numbers)):
            gp, total, value, realized = map(number, numbers)
        named = agent if agent is None or type(agent) is str else str(agent)
        if named is not None and named != self._info_agent:
            self._info_agent, self._seen = named, ()
        if told:
            self._see_told_trades(told, info)
        if realized is not None:
            self._profit = realized
        if (gp is None or inventory is None) and self._env is not None:
            gp, inventory = self._ask_env(gp, total, inventory, bool(told))
        if gp is None and total is None and value is None and inventory is None:
            return
        if total is not None:
            self._final_value = total
        if type(inventory) is not dict and not is_mapping(inventory):
            inventory = None
        elif inventory != self._inventory:  # which the environment may go on changing
            self._shape = None
            self._inventory = inventory = {
                k: v if type(v) in SCALARS else copy.deepcopy(v) for k, v in inventory.items()
            }
        shape = self._info_agent or self.agent_id, inventory is None, value is None, realized is None
        if shape != self._shape:
            if self._shape is None or self._shape[1:] != shape[1:]:
                self._seen = ()
            self._shape = shape
            held = None if inventory is None else self._inventory
            self._template = _quick_text.portfolio(shape[0], held, value is not None, realized is not None)
        quick = self._template != "" and gp is not None and total is not None
        numbers = gp, total, value, realized
        if quick:
            numbers = tuple([number for number in numbers if number is not None])
            if complete and inventory is not None and agent is None and type(info) is dict:
                found = _quick_text.portfolio_getters(tuple(info), len(numbers))
                self._usual, self._numbers_of, self._rest_of = found
        if numbers == self._seen:
            return
        self._seen = numbers
        if not quick:
            self._publish_portfolio(gp, total, value, realized, inventory)
        elif self._publisher.offer_filled(self._template, numbers):
            self._stats.portfolios += 1
        else:
            self._stats.failed += 1

    def _ask_env(self, gp: Any, total: Any, inventory: Any, traded: bool) -> tuple:
        """What it holds changes with its cash or a trade; between these it is not asked again, and one
        that tells nothing at the first step of an episode not before the next."""
        if self._steps > 1 and not self._env_tells:
            return gp, inventory
        told = None
        if gp is None:
            gp = told = _steps.cash_of(self._env)
        if inventory is None and not (gp is None and total is None):
            if traded or self._inventory is None or gp is None or self._seen[:1] != (gp,):
                inventory = _steps.inventory_of(self._env)
            else:
                inventory = self._inventory
        self._env_tells = told is not None or inventory is not None
        return gp, inventory

    def _publish_portfolio(
        self, gp: Any, total: Any, value: Any, realized: Any, inventory: Any
    ) -> None:
        data: dict = {"agent_id": self._info_agent}
        if gp is not None:
            data["gp"] = gp
        if inventory is not None:
            data["inventory"] = inventory
        if total is not None:
            data["total_value"] = total
        if value is not None:
            data["inventory_value"] = value
        elif gp is not None and total is not None:
            data["inventory_value"] = total - gp
        if realized is not None:
            data["realized_pnl"] = realized
        if len(data) > 1:
            self._stats.portfolios += self._publish("portfolio_update", data)

    def _see_told_trades(self, told: Any, info: Mapping) -> None:
        if not isinstance(told, (list, tuple)):
            trades = _steps.counted_trades(told, info, self._env)
            if trades is None:
                looked_for = "trades, executed_trades, fills or trade_history"
                self.unrecognised("step", info, looked_for + " beside the number in step_trades")
            else:
                self._see_trades(trades)
            return
        agent = self.agent_id if self._info_agent is None else self._info_agent
        # Only the careful way looks whether record_trade() has told it.
        quickly = not self._publisher.told_trades.recorded
        for each in told:
            quick = self._actions.trade(each, agent) if quickly and type(each) is dict else None
            if quick is not None:
                told = self._publisher.offer_filled(*quick)
                self._stats.trades += told
                self._stats.failed += not told
                continue
            found = _extract.trade(each)
            if found is not None:
                self._see_trades([found])

    def _see_trades(self, trades: list, recorded: bool = False) -> None:
        _steps.name_items(trades, self._env)
        told_trades = self._publisher.told_trades
        for trade in trades:
            if trade["agent_id"] is None:
                trade["agent_id"] = self.agent_id if self._info_agent is None else self._info_agent
            if self.active and told_trades.recorded and not told_trades.is_news(trade, recorded):
                self._stats.told_twice += 1
            else:
                self._stats.trades += self._publish("trade_executed", trade)

    def _start_episode(self) -> None:
        self._steps = 0
        self._reward = 0.0
        self._not_finite = 0
        self._profit = self._final_value = None  # as long as nothing says so
        self._life_lost = 0  # after how many steps
        self._told = None

    def _take_told(self) -> None:
        told, self._told = self._told, None
        if told is not None:
            self._final_value = told[1]
            if self._shape is not None and not self._shape[-1]:
                self._profit = told[-1]

    def _end_episode(self, ended: str, info: Any) -> None:
        self._take_told()
        told = _steps.told_episode(info)
        reward, steps, source = self._reward, self._steps, self._reward_from
        if told is not None:
            self._monitored = True
            if not self._sums_own:
                reward, source = told[0], "info"
            if type(told[1]) is int and told[1] > 0:
                steps = told[1]
        elif self._monitored and ended in ("terminated", "done"):
            self._life_lost = self._steps  # the episode goes on
            return
        data = {
            "agent_id": self._info_agent,
            "episode": self._episode,
            "steps": steps,
            "length": steps,
            "global_step": self.global_step,
            "reward": reward,
            "reward_from": source,
            "ended": ended,
        }
        if self._profit is not None:
            data["profit"] = self._profit
        if self._final_value is not None:
            data["final_value"] = self._final_value
        if self._not_finite:
            data["not_finite"] = self._not_finite
        if self._kind is not None:
            data["kind"] = self._kind
        self._episode += 1
        self._start_episode()
        self._stats.episodes += self._publish("episode_end", data)

    def _publish(self, event_type: str, data: dict) -> bool:
        if not self.active:
            return False
        if data["agent_id"] is None:
            data["agent_id"] = self.agent_id
        if self._publisher.publish(event_type, data):
            return True
        self._stats.failed += 1
        return False
