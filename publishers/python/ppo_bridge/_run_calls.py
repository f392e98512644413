"""The publisher's calls for runs and curves."""

from __future__ import annotations

import weakref
from math import isfinite
from typing import Any, Iterable, Mapping

from ._names import printable
from ._outbox import Outbox
from ._run import STATES, Runs, Span
from ._values import flat, number


class RunCalls:
    """What a Publisher says of its runs, apart from single events."""

    _outbox: Outbox
    _runs: Runs
    _gatherers: weakref.WeakSet[Any]

    def start_run(
        self,
        name: str | None = None,
        config: Any = None,
        tags: Iterable[str] = (),
        agent_id: str | None = None,
    ) -> str:
        """Publishes `run_started`, and returns the name, which is made up where left out.

        `config`: a mapping, a dataclass, argparse's namespace; 64 KiB of it. What is known of the
        program goes with it as `program`: argv, host, commit, versions. `agent_id`: of this agent's
        run; left out, of all here. Again with the same name it changes nothing but the config, with
        another one the run before ends as `finished`.

        The run ends by end_run(), close() or the interpreter's end: as `crashed` where an exception
        was not caught, which is published as `error` as well, or after a SystemExit with another code
        than 0, and as `interrupted` by Ctrl-C. Until then the load of the machine is published, see
        `system_metrics_s`.
        """
        return self._runs.start(name, config, tags, agent_id)

    def update_config(self, config: Any, agent_id: str | None = None) -> None:
        """Publishes what of it is new or changed, as `run_config`."""
        self._runs.update_config(config, agent_id)

    def end_run(
        self,
        state: str = "finished",
        error: BaseException | str | None = None,
        agent_id: str | None = None,
    ) -> bool:
        """Publishes `run_ended`; of an exception also an `error`. False where no run is open.

        Raises ValueError where `state` is not finished, crashed or interrupted."""
        if state not in STATES:
            raise ValueError("state is %s; must be %s" % (printable(repr(state)), ", ".join(STATES)))
        return self._runs.end(state, error, agent_id)

    def flush_before_end(self, gatherer: Any) -> None:
        """Calls its flush() before the run of its `agent_id` ends, also by a crash, and its forget() in a
        child after a fork; for who gathers events. It is not kept alive by this."""
        self._gatherers.add(gatherer)

    @property
    def run_name(self) -> str | None:
        """Of the run that was started last and is still open."""
        return self._runs.name

    def scalar(
        self, tag: str, value: Any, step: Any = None, agent_id: str | None = None
    ) -> bool:
        """One point of a curve, named by any `tag`. As publish(): never raises, never waits."""
        if type(value) is not float:
            value = number(value)
        if type(value) is float and not isfinite(value):
            value = None
        data = {"tag": tag if isinstance(tag, str) else printable(tag), "value": value}
        if step is not None:
            data["step"] = step if type(step) is int else number(step)
        if agent_id is not None:
            data["agent_id"] = agent_id
        return self._outbox.offer("scalar", data, None)

    def scalars(self, values: Mapping, step: Any = None, agent_id: str | None = None) -> bool:
        """One point of each of these curves; {"loss": {"policy": 1}} is of `loss/policy`. False where
        one was refused."""
        try:
            found = list(flat(values))
        except Exception as error:
            text = "%s: %s" % (type(error).__name__, error)
            return self._outbox.refuse(text, "scalar")
        return all([self.scalar(tag, value, step, agent_id) for tag, value in found])

    def span(self, name: str, step: Any = None, agent_id: str | None = None) -> Span:
        """`with publisher.span("rollout"):` publishes how long that took, as a `span`."""
        return Span(self._outbox.publish, name, step, agent_id)
