"""Steering: what an operator may do to a training loop, in one object.

    steering = Steering(publisher, optimizer=optimizer)
    steering.parameter("clip_coef", args, min=0, max=1)
    while steering.step():
        ...                      # one step of training

It answers `pause`, `resume`, `stop`, `get_hyperparameters`, `set_hyperparameter` and, where it was
told how, `checkpoint`, all on the thread that calls step().
"""

from __future__ import annotations

import inspect
import time
import weakref
from collections.abc import Mapping
from typing import Any, Callable, Iterable

from ._commands import Command, CommandRejected
from ._extract import number
from ._log import log
from ._names import NAME_RANGE, is_name, printable
from ._parameters import PARAMETERS_MAX
from ._steering_parameter import Parameter, access, both, rate_in, rate_of, same
from .publisher import Publisher

_PAUSE_POLL_S = 0.1
_TELL_S = 1.0  # between two looks at what the parameters are now


class Steering:
    """Commands for one training loop, or with `agent_id` for one agent of several.

    Everything happens in step(), on the thread that calls it, so what a command changes is never
    changed in the middle of a step.
    """

    def __init__(
        self,
        publisher: Publisher,
        optimizer: Any = None,
        lr: Any = None,
        agent_id: str | None = None,
        checkpoint: Callable[..., Any] | None = None,
    ) -> None:
        """`optimizer`: one of torch's, several of them, or a dict of them by name. Their rates are the
        parameter `learning_rate`; a group that begins with another rate is `learning_rate_2` and so
        on, and those of a dict are `NAME_learning_rate`. A rate that was set stays so, whatever a
        schedule of the script's does to it.
        `lr`: where the script itself keeps the rate: (args, "learning_rate"), or a function that
        sets it, or (get, set). What the script makes of it, a schedule for one, is then its own.
        `checkpoint`: saves, called with the step if it takes an argument; gives the path, or a dict.
        """
        self.publisher = publisher
        self.agent_id = agent_id
        self.steps = 0  # as step() was told, or how often it was called
        self.stopped = False
        self._checkpoint = checkpoint
        self._parameters: dict[str, Parameter] = {}
        self._names: dict[str, str] = {}  # also known as -> name
        self._held: list[Parameter] = []
        self._paused = False
        self._tell_at = 0.0
        self._router = _Router.of(publisher)
        self._declare_rates(optimizer, lr)
        self._router.add(self)

    # ---- What may be set.

    def parameter(
        self,
        name: str,
        owner: Any = None,
        value: Any = None,
        *,
        key: str | None = None,
        get: Callable[[], Any] | None = None,
        set: Callable[[Any], Any] | None = None,
        min: float | None = None,
        max: float | None = None,
        unit: str | None = None,
        choices: Iterable | None = None,
        also: Iterable[str] = (),
        why_fixed: str = "",
    ) -> None:
        """Declares a parameter. It is the attribute or item `key` (left out: `name`) of `owner`, or
        what `get` and `set` read and write, or with neither a `value` of this object's own:
        steering[name]. `also`: further names that are understood. `why_fixed`: it is shown, but not
        set, for this reason. The kind follows from the value: number, integer, boolean or text.

        Raises ValueError for a bad name, or beyond 64 of them.
        """
        if not is_name(name) or name == "step":
            raise ValueError("parameter %s; must be %s" % (printable(repr(name)), NAME_RANGE))
        if len(self._parameters) >= PARAMETERS_MAX and name not in self._parameters:
            raise ValueError("more than %d parameters" % PARAMETERS_MAX)
        if owner is not None:
            get, set = access(owner, name if key is None else key)
        elif get is None:
            own = {"value": value}
            get, set = access(own, "value")
        if why_fixed:
            set = None
        self._held = [held for held in self._held if held.name != name]
        self._parameters[name] = Parameter(name, get, set, (min, max), unit, choices, why_fixed)
        self._names.update((other, name) for other in also)
        self._tell_at = 0.0

    def __getitem__(self, name: str) -> Any:
        """What a parameter is now."""
        return self._parameters[name].get()

    def _declare_rates(self, optimizer: Any, lr: Any) -> None:
        script = None if lr is None else rate_of(lr)
        if optimizer is None:
            if script is not None:
                self._rate("learning_rate", *script)
            return
        named = optimizer if isinstance(optimizer, Mapping) else {"": optimizer}
        for prefix, each in named.items():
            several = each if isinstance(each, (list, tuple)) else [each]
            if not all(hasattr(one, "param_groups") for one in several):
                text = "optimizer is %s; must have param_groups, or give lr=(get, set)"
                raise TypeError(text % printable(repr(optimizer)))
            alike: dict[Any, list] = {}  # by rate
            for one in several:
                for n, group in enumerate(one.param_groups):
                    alike.setdefault(number(group["lr"]), []).append((one, n))
            for n, groups in enumerate(alike.values()):
                name = prefix + "_learning_rate" if prefix else "learning_rate"
                name += "" if n == 0 else "_%d" % (n + 1)
                get, set = rate_in(groups)
                if n == 0 and script is not None:
                    set = both(script[1], set)
                self._rate(name, get, set, hold=script is None)

    def _rate(self, name: str, get: Callable, set: Callable, hold: bool = False) -> None:
        also = ("lr",) if name == "learning_rate" else ()
        self.parameter(name, get=get, set=set, min=0.0, max=10.0, also=also)
        self._parameters[name].hold = hold

    # ---- The loop.

    def step(self, step: int | None = None) -> bool:
        """Carries out what was asked for since the last call, and waits while paused. False once
        training shall stop. `step`: which one this is; counted where left out."""
        self.steps = self.steps + 1 if step is None else step
        publisher = self.publisher
        publisher.poll_commands()
        while self._paused and not self.stopped and not publisher.error:
            publisher.wait_commands(_PAUSE_POLL_S)
        now = time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + _TELL_S
            self._router.tell()
        if self._held:
            self._hold()
        return not self.stopped

    def stop(self) -> None:
        """The next step() is False; for signal handlers."""
        self.stopped = True

    @property
    def paused(self) -> bool:
        return self._paused

    def close(self) -> None:
        """Answers no command any more."""
        self._router.remove(self)

    def _hold(self) -> None:
        for parameter in self._held:
            try:
                if not same(parameter.read(), parameter.held):
                    parameter.set(parameter.held)  # type: ignore[misc]
            except Exception as error:
                log.warning("%s cannot be held: %s", parameter.name, printable(str(error)))

    # ---- Commands; each gives its result.

    def where(self) -> dict:
        return {"step": number(self.steps)}

    def pause(self, command: Command | None = None) -> dict:
        self._paused = True
        self._router.tell_state()
        return self.where()

    def resume(self, command: Command | None = None) -> dict:
        self._paused = False
        self._router.tell_state()
        return self.where()

    def stop_asked(self, command: Command) -> dict:
        self.stop()
        return self.where()

    def get_hyperparameters(self, command: Command | None = None) -> dict:
        values = {name: parameter.read() for name, parameter in self._parameters.items()}
        return {**values, **self.where()}

    def set_hyperparameter(self, command: Mapping) -> dict:
        """Raises CommandRejected, with what can be set, or in which range."""
        asked = command.get("name")
        name = self._names.get(asked, asked) if isinstance(asked, str) else None
        parameter = self._parameters.get(name) if name is not None else None
        can = [p.name for p in self._parameters.values() if p.set is not None]
        if parameter is None or parameter.set is None:
            text = "must be one of %s" % ", ".join(can) if can else "nothing can be set here"
            if parameter is not None:
                text = "it cannot be set, for %s; %s" % (parameter.why_fixed, text)
            raise CommandRejected("name is %s; %s" % (printable(repr(asked)), text))
        value = parameter.change(command.get("value"))
        if parameter.hold:
            parameter.held = value
            self._held = [p for p in self._held if p is not parameter] + [parameter]
        self._router.tell()
        return {asked: value, **self.where()}

    def checkpoint(self, command: Command | None = None) -> dict:
        if self._checkpoint is None:
            raise CommandRejected("nothing here saves a checkpoint")
        try:
            takes = bool(inspect.signature(self._checkpoint).parameters)
        except (TypeError, ValueError):
            takes = True
        saved = self._checkpoint(self.steps) if takes else self._checkpoint()
        if saved is None:
            saved = {}
        elif not isinstance(saved, Mapping):
            saved = {"path": str(saved)}
        return {**saved, **self.where()}

    def describe(self) -> list[dict]:
        who = {} if self.agent_id is None else {"agent_id": self.agent_id}
        return [{**p.describe(), **who} for p in self._parameters.values() if p.set is not None]


class _Router:
    """All steering of one publisher: whom a command is for."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._all: dict[str | None, Steering] = {}
        self._told: list | None = None
        self._commands: set[str] = set()

    @staticmethod
    def of(publisher: Publisher) -> _Router:
        return vars(publisher).setdefault("_steered", _Router(publisher))

    def add(self, steering: Steering) -> None:
        self._all[steering.agent_id] = steering
        commands: dict[str, Callable] = {
            "pause": Steering.pause,
            "resume": Steering.resume,
            "stop": Steering.stop_asked,
            "get_hyperparameters": Steering.get_hyperparameters,
            "set_hyperparameter": Steering.set_hyperparameter,
        }
        if steering._checkpoint is not None:
            commands["checkpoint"] = Steering.checkpoint
        for name, method in commands.items():
            if name in self._commands:
                continue
            try:
                self._publisher.on_command(name, self._handler(method), polled=True)
                self._commands.add(name)
            except ValueError as why:  # a publisher without a control channel
                log.info("steering without commands: %s", why)
                return
        self.tell_state()

    def remove(self, steering: Steering) -> None:
        if self._all.get(steering.agent_id) is steering:
            del self._all[steering.agent_id]
            self.tell()

    def tell(self) -> None:
        """What the parameters are now, where that is not known yet."""
        try:
            found = [told for steering in self._all.values() for told in steering.describe()]
            if found != self._told:
                self._told = found
                self._publisher.set_parameters(found[:PARAMETERS_MAX])
        except Exception as error:
            log.warning("parameters cannot be told: %s", printable(str(error)))

    def tell_state(self) -> None:
        paused = all(steering.paused for steering in self._all.values())
        self._publisher.set_state("paused" if paused else "running")

    def _handler(self, method: Callable) -> Callable[[Command], Any]:
        """Weak, so that a publisher that nobody else holds can go."""
        router = weakref.ref(self)
        return lambda command: router()._run(method, command)  # type: ignore[union-attr]

    def _run(self, method: Callable, command: Command) -> Any:
        agent_id = command.agent_id
        chosen = list(self._all.values())
        if agent_id:
            chosen = [s for s in (self._all.get(agent_id), self._all.get(None)) if s is not None][:1]
            if not chosen:
                known = ", ".join(map(str, self._all)) or "none"
                raise CommandRejected("agent_id is %s; must be one of %s" % (agent_id, known))
        if len(chosen) == 1:
            return method(chosen[0], command)
        results, failed = {}, []
        for steering in chosen:
            try:
                results[str(steering.agent_id)] = method(steering, command)
            except Exception as error:
                failed.append("%s: %s" % (steering.agent_id, error))
        if failed or not chosen:
            done = "; done for %s" % ", ".join(results) if results else ""
            raise CommandRejected("; ".join(failed or ["nothing is left to steer"]) + done)
        return {"agents": results}
