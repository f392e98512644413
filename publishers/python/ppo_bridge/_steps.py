"""What the results of step() and reset() of environments say; of one and of many at once.

  step              a tuple (observation, reward, done, info) or (observation, reward, terminated,
                    truncated, info).
  of many           the same with arrays or lists, one element an environment (gymnasium.vector, the
                    VecEnv of Stable-Baselines3), or with mappings by the names of agents (PettingZoo's
                    parallel environments, RLlib's).
  info              cash or gp, inventory, total_value, inventory_value (missing: total_value less
                    gp), realized_pnl, agent_id, step_trades (a list of trades, or how many; then the
                    trades are the last ones of a list beside it, or of the environment).
  info["episode"]   "r" and "l", the return and length that Monitor and RecordEpisodeStatistics give.
  an environment    gp or cash, and inventory, positions or holdings: for what info leaves out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Iterator

from ._extract import field, is_mapping, number, trade
from ._names import printable

# The names in an info or observation that hooks publish from.
TOLD = frozenset(
    "cash gp total_value inventory inventory_value realized_pnl step_trades agent_id".split()
)
LOOKED_FOR = "(observation, reward, done, info) or with terminated, truncated in place of done"

_TRADES = ("trades", "executed_trades", "fills", "trade_history")
_HOLDINGS = ("inventory", "positions", "holdings")
_ITEM_NAMES = ("id_to_name_map", "item_names", "item_metadata")
_MONITORS = ("Monitor", "VecMonitor", "RecordEpisodeStatistics", "RecordEpisodeStatisticsV0")
_NORMALISERS = ("NormalizeReward", "NormalizeRewardV1", "VecNormalize")
_WRAPPED_MAX = 32


def described(result: Any) -> str:
    """What a result looks like, for a log."""
    if type(result) in (tuple, list):
        inside = ", ".join(type(each).__name__ for each in result[:6])
        return "a %s of %d (%s)" % (type(result).__name__, len(result), inside)
    if is_mapping(result):
        return "a mapping with " + printable(", ".join(str(key) for key in list(result)[:8]))
    return "a " + type(result).__name__


def flag(value: Any) -> bool:
    if value is False or value is True:
        return value
    if is_mapping(value):  # of many; not this one's
        return False
    try:
        return bool(value)
    except Exception:  # an array of several
        return False


def listed(values: Any) -> list | None:
    """The elements of an array, tensor, list or tuple; None where it is none of these."""
    if type(values) is list:
        return values
    if isinstance(values, (str, bytes, Mapping)):
        return None
    try:
        tolist = getattr(values, "tolist", None)
        found = tolist() if callable(tolist) else list(values) if isinstance(values, tuple) else None
    except Exception:
        return None
    return found if isinstance(found, list) else None


def of_many(result: tuple) -> bool:
    """Whether a result of step() is that of several environments or agents."""
    rewards, flags = result[1], result[2]
    if is_mapping(flags) or is_mapping(rewards):
        return True
    found = listed(flags)
    if found is None:
        return False
    rewards = listed(rewards)
    return rewards is not None and len(rewards) == len(found)


def nth(infos: Any, n: int) -> Any:
    """What is said of the n-th of several in a mapping of arrays, whose masks are named "_KEY"."""
    if not is_mapping(infos):
        try:
            return infos[n]
        except Exception:
            return None
    found = {}
    for key, values in infos.items():
        if isinstance(key, str) and key.startswith("_"):
            continue
        mask = infos.get("_%s" % (key,))
        if mask is not None:
            try:
                if not mask[n]:
                    continue
            except Exception:
                continue
        if isinstance(values, (str, bytes)):
            continue
        value = nth(values, n)
        if value is not None:
            found[key] = value
    return found


def told_episode(info: Any) -> tuple[Any, Any] | None:
    """Return and length of the episode that ended, as the environment's own statistics have them."""
    if not is_mapping(info):
        return None
    told = info.get("episode")
    if not is_mapping(told):
        final = info.get("final_info")
        told = final.get("episode") if is_mapping(final) else None
    if not is_mapping(told):
        return None
    total, length = number(told.get("r")), number(told.get("l"))
    return None if total is None else (total, length)


def how_ended(told_apart: bool, truncated: bool, info: Any) -> str:
    if is_mapping(info) and "TimeLimit.truncated" in info:
        return "truncated" if flag(info["TimeLimit.truncated"]) else "terminated"
    if not told_apart:
        return "done"
    return "truncated" if truncated else "terminated"


def counted_trades(told: Any, info: Mapping, env: Any) -> list | None:
    """The last `told` trades of a list beside it. None where there should be some and none were found."""
    count = number(told)
    if count is None or count < 1:
        return []
    count = int(min(count, 1000))
    for holder in (info, env):
        for name in _TRADES:
            held = field(holder, name) if holder is not None else None
            if isinstance(held, (list, tuple)) and held:
                found = [found for found in map(trade, held[-count:]) if found is not None]
                if found:
                    return found
    return None


def name_items(trades: list, env: Any) -> None:
    """Gives trades the name of an item of which they have only the number."""
    for found in trades:
        item = found["item"]
        if type(item) is str:
            continue
        found["item_id"] = item
        for name in _ITEM_NAMES:
            names = getattr(env, name, None)
            if not is_mapping(names):
                continue
            known = names.get(item, names.get(str(item)))
            known = field(known, "name") if is_mapping(known) else known
            if isinstance(known, str):
                found["item"] = known
                break
        else:
            found["item"] = str(item)


def inventory_of(env: Any) -> dict | None:
    """What the environment itself says it holds: item to quantity, without what it holds none of."""
    for name in _HOLDINGS:
        held = getattr(env, name, None)
        if not is_mapping(held):
            continue
        found = {}
        for item, position in held.items():
            quantity = number(position)
            if quantity is None:
                quantity = number(field(position, "quantity"))
            if quantity:
                found[item] = quantity
        return found
    return None


def cash_of(env: Any) -> Any:
    found = number(getattr(env, "gp", None))
    return number(getattr(env, "cash", None)) if found is None else found


def _wrapped(env: Any) -> Iterator[Any]:
    """The environment, what it wraps, and so on; of several beside each other the first."""
    for _ in range(_WRAPPED_MAX):
        yield env
        own = getattr(env, "__dict__", {})
        inner = own.get("venv")
        inner = own.get("env") if inner is None else inner
        if inner is None:
            envs = own.get("envs")
            inner = envs[0] if isinstance(envs, (list, tuple)) and envs else None
        if inner is None:
            return
        env = inner


def own(thing: Any, name: str) -> Any:
    """An attribute of its own or its class's. Wrappers that pass on what they have not got may warn."""
    if name in getattr(thing, "__dict__", {}) or hasattr(type(thing), name):
        return getattr(thing, name, None)
    return None


class Facts:
    """What the classes that an environment is made of say about its results."""

    def __init__(self, env: Any) -> None:
        layers = list(_wrapped(env))
        names = [type(layer).__name__ for layer in layers]
        self.innermost = getattr(layers[-1], "unwrapped", layers[-1])
        # Ends that info["episode"] does not tell of are lost lives and the like.
        monitor = next((n for n, name in enumerate(names) if name in _MONITORS), None)
        self.monitored = monitor is not None
        # Its sums are of what a wrapper within it has normalised.
        self.monitor_sees_normalised = not set(names[monitor:] if monitor is not None else ()).isdisjoint(_NORMALISERS)
        # The step after an end only resets, and is none of the next episode.
        self.resets_next_step = any(map(_resets_next_step, layers))
        # Of vector environments, how many.
        counts = (own(layer, "num_envs") for layer in layers)
        self.count = next((count for count in counts if type(count) is int), 0)
        # The rewards of the last step before they were normalised.
        self.raw_rewards = None
        for layer in layers:
            if callable(own(layer, "get_original_reward")):
                self.raw_rewards = layer.get_original_reward
        normalised = self.raw_rewards is None and not set(names).isdisjoint(_NORMALISERS)
        self.reward_from = "normalized" if normalised else "steps"


def _resets_next_step(layer: Any) -> bool:
    if type(layer).__name__ == "Autoreset":
        return True
    metadata = getattr(layer, "metadata", None)
    mode = metadata.get("autoreset_mode") if is_mapping(metadata) else None
    if mode is not None:
        return getattr(mode, "value", mode) == "NextStep"
    # Gymnasium 1.0 has one mode and does not say so; what came before it reset in the same step.
    gymnasium = sys.modules.get("gymnasium")
    base = getattr(getattr(gymnasium, "vector", None), "VectorEnv", None)
    later = not str(getattr(gymnasium, "__version__", "0.")).startswith("0.")
    return later and isinstance(base, type) and isinstance(layer, base)
