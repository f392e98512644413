"""wandb's calls, for scripts that log to Weights & Biases or Trackio:

    import ppo_bridge.wandb as wandb      # was: import wandb

    wandb.init(project="flip", name="ppo-1", config=args)
    wandb.log({"loss": 0.5, "charts": {"return": 21}}, step=128)
    wandb.finish()

Numbers become `scalar` events (`loss`, `charts/return`), texts `text`, arrays and Histogram `histogram`,
the config and the end those of a run. Images, tables, artifacts and the like are left out, which is
said once for each. Keywords that mean nothing here are taken and ignored.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import threading
import time
import types
from collections.abc import Mapping
from typing import Any

from ._curves import Curves
from ._extract import number
from ._log import log as _logger
from ._names import printable
from ._wandb_data import Config, Error, Histogram, LeftOut, Summary, UsageError, left_out
from ._values import flat, is_number
from .publisher import Publisher

__all__ = ["Config", "Error", "Histogram", "Run", "Settings", "UsageError", "config", "define_metric"]
__all__ += ["finish", "init", "log", "login", "run", "summary"]

# Calls that do what is not done.
_CALLS: tuple[str, ...] = ("alert", "link_artifact", "link_model", "log_artifact", "log_code", "log_model", "restore")
_CALLS += ("mark_preempting", "plot_table", "save", "unwatch", "use_artifact", "use_model", "watch")
_CALLS += ("display", "finish_artifact", "status", "to_html", "upsert_artifact", "write_logs")  # a run's
_CALLS += ("log_system", "show", "sync")  # Trackio's
_MODULES = ("data_types", "sdk", "wandb_run", "wandb_sdk")  # whose classes are looked for here

__version__ = "0.25.0"  # of wandb, whose calls these are; for libraries that look at it
Settings = types.SimpleNamespace
AlertLevel = types.SimpleNamespace(INFO="INFO", WARN="WARN", ERROR="ERROR")
errors = types.SimpleNamespace(Error=Error, UsageError=UsageError, CommError=Error)
util = types.SimpleNamespace(generate_id=lambda length=8: secrets.token_hex(length)[:length])


class Run:
    """One run, from init() to finish(). Thread-safe."""

    def __init__(self, publisher: Publisher | None, **about: Any) -> None:
        """`publisher`: None where nothing is published."""
        self.publisher = publisher
        self.id = about["id"]
        self.project, self.entity = about["project"], about["entity"]
        self.group, self.job_type = about["group"], about["job_type"]
        self.name: str = about["name"]
        self.notes: str | None = about["notes"]
        self.tags = tuple(about["tags"])
        self.url = self.project_url = self.sweep_url = self.sweep_id = None
        self.settings, self.start_time = Settings(), time.time()
        self.resumed, self.offline, self.disabled = False, False, publisher is None
        self.starting_step = self.step = 0
        self.config = self.config_static = Config(about["config"], self._config_changed)
        self.summary = Summary(self._summary_changed)
        self._own = about["own"]
        self._dir: str | None = None
        self._lock = threading.RLock()
        self._axes: dict[str, str] = {}  # by the tag, or the beginning of it with `*`
        self._seen: dict[str, Any] = {}  # the last number of each tag that is an axis
        if publisher is not None:
            known = {k: about[k] for k in ("project", "entity", "group", "job_type", "notes") if about[k]}
            given = {**self.config.as_dict(), **({"wandb": known} if known else {})}
            self.name = publisher.start_run(self.name, given, self.tags)
            self._curves = Curves(publisher)
        elif self.name is None:
            self.name = self.id
        self._finished = False

    def __setattr__(self, key: str, value: Any) -> None:
        """What the script changes while it runs is told."""
        object.__setattr__(self, key, value)
        if key in ("name", "notes", "tags"):
            self._config_changed({key: value})

    @property
    def dir(self) -> str:
        """A folder for files of the run's own, made when it is first asked for."""
        if self._dir is None:
            self._dir = tempfile.mkdtemp(prefix="ppo-bridge-run-")
        return self._dir

    @property
    def path(self) -> str:
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    def get_url(self) -> None:
        return None

    get_project_url = get_sweep_url = get_url

    def project_name(self) -> str | None:
        return self.project

    def log(
        self, data: Any = None, step: int | None = None, commit: bool | None = None, **_: Any
    ) -> None:
        """One row. `step`: which one; left out, a counter that goes up with each call that commits. A
        step that is already past is ignored. On the wire the step is that of define_metric()'s axis
        where the tag has one, or the row's own number `global_step`.

        Raises TypeError where `data` is no dict with texts as keys, UsageError after finish()."""
        if self._finished:
            raise UsageError("Run (%s) is finished; log() is ignored" % self.id)
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise TypeError("wandb.log must be passed a dictionary whose keys are strings")
        with self._lock:
            if step is not None:
                at = number(step)
                if at is None or at < self.step:
                    text = "step %s is past; the run is at step %d already, so its data is ignored"
                    _logger.warning(text, printable(repr(step)), self.step)
                    return
                self.step = at
            row = dict(flat(data))
            for tag, value in row.items():
                if self.publisher is not None:
                    self._publish(tag, value, self._axis_of(tag, row))
                if tag in self._axes.values() and number(value) is not None:
                    self._seen[tag] = number(value)
                if isinstance(value, str) or is_number(value):
                    self.summary.saw(tag, value)
            if commit or (commit is None and step is None):
                self.step += 1
                if self.publisher is not None:
                    self._curves.flush()

    def define_metric(
        self, name: str, step_metric: Any = None, step_sync: Any = None, hidden: Any = None,
        summary: str | None = None, goal: str | None = None, **_: Any,
    ) -> Any:  # fmt: skip
        """`name`: of a tag, or the beginning of several with `*`."""
        axis = getattr(step_metric, "name", step_metric)
        with self._lock:
            if axis is not None:
                self._axes[name] = str(axis)
            if summary is not None:
                self.summary.keep(name, summary)
        return types.SimpleNamespace(name=name, step_metric=axis, summary=summary, goal=goal)

    def finish(self, exit_code: int | None = None, quiet: Any = None) -> None:
        """Again it does nothing."""
        with self._lock:
            if self._finished:
                return
            self._finished = True
        _forget(self)
        if self.publisher is None:
            return
        self._curves.flush()
        if exit_code:
            self.publisher.end_run("crashed", "exit code %s" % exit_code)
        else:
            self.publisher.end_run("finished")
        if self._own:
            self.publisher.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None and self.publisher is not None and not self._finished:
            self.publisher._runs.fail(error)
        self.finish()

    def __getattr__(self, name: str) -> Any:
        if name in _CALLS:
            return left_out(name)
        raise AttributeError(name)

    # ---- What is published.

    def _publish(self, tag: str, value: Any, step: Any) -> None:
        if value is None or _is_left_out(value):
            return
        if isinstance(value, Histogram) and value.values is None:
            self._curves.buckets(tag, value.bins, value.histogram, step)
        elif isinstance(value, Histogram):
            self._curves.histogram(tag, value.values, step)
        else:
            self._curves.any(tag, value, step)

    def _axis_of(self, tag: str, row: dict) -> Any:
        """The step that a number of the row is told with."""
        axis = self._axes.get(tag)
        if axis is None:
            fits = (a for p, a in self._axes.items() if p.endswith("*") and tag.startswith(p[:-1]))
            axis = next(fits, "global_step")
            if axis == "global_step" and number(row.get(axis)) is None:
                return self.step
        at = number(row.get(axis))
        return at if at is not None else self._seen.get(axis, self.step)

    def _config_changed(self, changed: dict) -> None:
        if self.publisher is not None and not self.__dict__.get("_finished", True):
            self.publisher.update_config(changed)

    def _summary_changed(self, changed: dict) -> None:
        """What the script itself says of the run."""
        if self.publisher is not None and not self._finished:
            for tag, value in flat(changed):
                self._publish("summary/" + tag, value, self.step)


def _is_left_out(value: Any) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(each, LeftOut) for each in values)


class _BeforeInit:
    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        raise Error("You must call wandb.init() before %s.%s" % (self._name, key))

    def __setattr__(self, key: str, value: Any) -> None:
        self.__getattr__(key)

    def __getitem__(self, key: Any) -> Any:
        raise Error("You must call wandb.init() before %s[%r]" % (self._name, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        self[key]


run: Run | None = None
config: Any = _BeforeInit("wandb.config")
summary: Any = _BeforeInit("wandb.summary")


def init(
    project: str | None = None, name: str | None = None, config: Any = None, tags: Any = None,
    group: str | None = None, mode: str | None = None, *, entity: str | None = None,
    job_type: str | None = None, notes: str | None = None, id: str | None = None, reinit: Any = None,
    config_include_keys: Any = None, config_exclude_keys: Any = None, publisher: Publisher | None = None,
    source: str | None = None, **others: Any,
) -> Run:  # fmt: skip
    """Starts a run. While another one is active that one is returned, except with `reinit`. What is
    left out is taken from $WANDB_NAME, $WANDB_PROJECT and so on; with mode="disabled" or
    $WANDB_MODE=disabled nothing is published.
    `publisher`: to use instead of one of its own; `source`: what that is called."""
    global run
    if run is not None and reinit != "create_new":
        if not (reinit is True or reinit == "finish_previous"):
            _logger.info("init() again: the run %s is active and is returned", printable(run.name))
            return run
        run.finish()
    if others.get("sync_tensorboard") or others.get("tensorboard"):
        _logger.info("for TensorBoard's curves, take SummaryWriter from ppo_bridge.tensorboard")
    _logger.debug("init() does nothing with %s", ", ".join(sorted(others)))
    environment = os.environ.get
    mode = mode or environment("WANDB_MODE", "online")
    own = publisher is None
    if mode == "disabled":
        publisher = None
    elif publisher is None:
        publisher = Publisher(source)
    found = Config.read(config)
    if config_include_keys is not None:
        found = {k: v for k, v in found.items() if k in config_include_keys}
    if config_exclude_keys is not None:
        found = {k: v for k, v in found.items() if k not in config_exclude_keys}
    tags = tags if tags is not None else (environment("WANDB_TAGS") or "").split(",")
    made = Run(
        publisher,
        own=own,
        id=id or environment("WANDB_RUN_ID") or util.generate_id(),
        name=name or environment("WANDB_NAME"),
        project=project or environment("WANDB_PROJECT"),
        entity=entity or environment("WANDB_ENTITY"),
        group=group or environment("WANDB_RUN_GROUP"),
        job_type=job_type or environment("WANDB_JOB_TYPE"),
        notes=notes or environment("WANDB_NOTES"),
        tags=[tags] if isinstance(tags, str) else [tag for tag in tags if tag],
        config=found,
    )
    if run is None:
        _set(made, made.config, made.summary)
    return made


def _set(new_run: Run | None, new_config: Any, new_summary: Any) -> None:
    global run, config, summary
    run, config, summary = new_run, new_config, new_summary


def _forget(finished: Run) -> None:
    if run is finished:
        _set(None, _BeforeInit("wandb.config"), _BeforeInit("wandb.summary"))


def _active(call: str) -> Run:
    if run is None:
        raise Error("You must call wandb.init() before wandb.%s()" % call)
    return run


def log(data: Any = None, step: int | None = None, commit: bool | None = None, **others: Any) -> None:
    """See Run.log()."""
    _active("log").log(data, step, commit, **others)


def define_metric(name: str, *args: Any, **kwargs: Any) -> Any:
    """See Run.define_metric()."""
    return _active("define_metric").define_metric(name, *args, **kwargs)


def finish(exit_code: int | None = None, quiet: Any = None) -> None:
    """Ends the run; without one it does nothing."""
    if run is not None:
        run.finish(exit_code, quiet)


def login(*_: Any, **__: Any) -> bool:
    return True


def setup(*_: Any, **__: Any) -> None:
    """There is nothing to set up."""


require = teardown = setup
join = finish


def termlog(text: str = "", **_: Any) -> None:
    print("wandb:", text, file=sys.stderr)


termwarn = termerror = termlog

_media: dict[str, type] = {}


def __getattr__(name: str) -> Any:
    """What is left out."""
    if name[:1].isupper() and "Api" not in name:  # Image, Table, Artifact and the like
        return _media.setdefault(name, type(name, (LeftOut,), {}))
    if name in _MODULES:
        return sys.modules[__name__]
    if name in _CALLS:
        return left_out(name)
    if name == "plot":
        return LeftOut()
    text = "%s has no %s; sweeps, the API and the like need the servers of Weights & Biases"
    raise AttributeError(text % (__name__, name))
