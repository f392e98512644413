"""A SummaryWriter that streams, for scripts that write to TensorBoard (CleanRL's and many others):

    from ppo_bridge.tensorboard import SummaryWriter   # was: from torch.utils.tensorboard import ...

Where torch's own is there it is written to as well, so that nothing is missing from the files.
"""

from __future__ import annotations

import ast
import datetime
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from ._curves import Curves, note
from ._log import log
from ._names import host_name, printable
from ._program import is_secret
from ._run import under_way
from .publisher import Publisher

# CleanRL's arguments: a table in Markdown.
_TABLE = re.compile(r"\s*\|\s*param\s*\|\s*value\s*\|\s*\n\s*\|[-:| ]+\|\s*\n", re.I)
_ROW = re.compile(r"^([ \t]*\|)([^|\n]*)\|(.*)(\|[ \t]*)$", re.M)
_ROWS_MAX = 1000

# What else torch's has; the first are its arguments, in their order.
_ATTRIBUTES: dict[str, Any] = {"purge_step": None, "max_queue": 10, "flush_secs": 120, "filename_suffix": ""}
_ATTRIBUTES.update(file_writer=None, all_writers=None, default_bins=[])


class SummaryWriter:
    """torch's, with the same arguments and methods. Every scalar is an event `scalar`; what is known
    besides becomes `training_update` and `episode_end`, see Curves. Texts are `text`, histograms
    `histogram`, hyper-parameters the run's config; what else there is (images, figures, graphs,
    embeddings ...) goes to torch's writer alone. Never raises into training.

    The run is named after `log_dir`, and ends with close().
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        *args: Any,
        publisher: Publisher | None = None,
        source: str | None = None,
        agent_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        """`log_dir`, `comment` and what else is not named here are torch's; `log_dir` is made up as
        torch does, and without torch nothing is written there.
        `publisher`: left out, that of wandb.init() where that ran, or one of its own.
        `agent_id`: whose curves these are, where several agents have a writer each."""
        self._writer = _torch_writer(log_dir, comment, args, kwargs)
        if self._writer is not None:
            log_dir = self._writer.log_dir
        elif not log_dir:
            at = datetime.datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", "%s_%s%s" % (at, host_name(), comment))
        self._given = {**dict(zip(_ATTRIBUTES, args)), **kwargs}
        self.log_dir = str(log_dir)
        shared = publisher if publisher is not None else _publisher_of_wandb()
        self._own = shared is None
        self.publisher = Publisher(source) if shared is None else shared
        self._agent_id = agent_id
        self._curves = Curves(self.publisher, "agent_0" if agent_id is None else agent_id)
        # A run that the script has started itself keeps its name.
        self._started = agent_id is not None or self.publisher.run_name is None
        if self._started:
            name = os.path.basename(os.path.normpath(self.log_dir))
            self.publisher.start_run(name, agent_id=agent_id)

    @property  # type: ignore
    def __class__(self) -> Any:
        """For isinstance() with torch's."""
        return SummaryWriter if self._writer is None else type(self._writer)

    # ---- What is published.

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: Any = None, *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        self._curves.scalar(tag, scalar_value, global_step, walltime)
        self._write("add_scalar", tag, scalar_value, global_step, walltime, *args, **kwargs)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Any, global_step: Any = None, walltime: Any = None
    ) -> None:
        """As scalars MAIN/TAG."""
        self._curves.scalars(tag_scalar_dict, global_step, walltime, "%s/" % main_tag)
        self._write("add_scalars", main_tag, tag_scalar_dict, global_step, walltime)

    def add_text(
        self, tag: str, text_string: Any, global_step: Any = None, walltime: Any = None
    ) -> None:
        config = _table(text_string)
        shown = _ROW.sub(_row_shown, text_string) if config else text_string
        self._curves.text(tag, shown, global_step, walltime)
        if config:
            self.publisher.update_config(config, agent_id=self._agent_id)
        self._write("add_text", tag, text_string, global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow",
        walltime: Any = None, max_bins: Any = None,
    ) -> None:  # fmt: skip
        self._curves.histogram(tag, values, global_step, walltime)
        self._write("add_histogram", tag, values, global_step, bins, walltime, max_bins)

    def add_histogram_raw(
        self, tag: str, min: Any, max: Any, num: Any, sum: Any, sum_squares: Any, bucket_limits: Any,
        bucket_counts: Any, global_step: Any = None, walltime: Any = None,
    ) -> None:  # fmt: skip
        try:
            known = {"min": float(min), "max": float(max), "mean": float(sum) / float(num)}
            # torch gives each bucket's upper end; the first begins with the least value, the last may
            # end at infinity.
            edges = [known["min"], *(float(at) for at in bucket_limits)]
            edges[-1] = known["max"]
        except Exception as error:
            self.publisher.refuse("histogram", str(error))
        else:
            self._curves.buckets(tag, edges, bucket_counts, global_step, walltime, **known)
        given = (tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._write("add_histogram_raw", *given, global_step, walltime)

    def add_hparams(
        self, hparam_dict: Mapping, metric_dict: Mapping, hparam_domain_discrete: Any = None,
        run_name: Any = None, global_step: Any = None,
    ) -> None:  # fmt: skip
        self.publisher.update_config(hparam_dict, agent_id=self._agent_id)
        self._curves.scalars(metric_dict, global_step)
        more = (hparam_domain_discrete, run_name, global_step)
        self._write("add_hparams", hparam_dict, metric_dict, *more)

    # ---- The rest.

    def get_logdir(self) -> str:
        return self.log_dir

    def flush(self) -> None:
        self._curves.flush()
        self._write("flush")

    def close(self) -> None:
        """In an exception's `finally` or `except` the run ends as crashed."""
        self._end(under_way())

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, _: Any, error: BaseException | None, trace: Any) -> None:
        self._end(error)

    def __getattr__(self, name: str) -> Any:
        """Images, graphs and the like have no event."""
        if name in ("_writer", "_given"):  # of a copy or a pickle, before it has any
            raise AttributeError(name)
        if not name.startswith("add_"):
            if self._writer is None and name in _ATTRIBUTES:
                return self._given.get(name, _ATTRIBUTES[name])
            return getattr(self._writer, name)
        note(name)
        return getattr(self._writer, name, lambda *args, **kwargs: None)

    def _write(self, method: str, *args: Any, **kwargs: Any) -> None:
        """To torch's, without the defaults at the end, which another version may not know."""
        if self._writer is None:
            return
        given = list(args)
        while given and given[-1] is None:
            given.pop()
        getattr(self._writer, method)(*given, **kwargs)

    def _end(self, error: BaseException | None) -> None:
        self._curves.flush()
        self._write("close")
        if self._started:
            self._started = False
            if error is None:
                self.publisher.end_run("finished", agent_id=self._agent_id)
            else:
                self.publisher._runs.fail(error, self._agent_id)
        if self._own:
            self.publisher.close()


def _table(text: Any) -> dict:
    """The rows of a table of parameters, their values as what they look like."""
    match = _TABLE.match(text) if isinstance(text, str) else None
    found: dict = {}
    for line in text[match.end() :].splitlines()[:_ROWS_MAX] if match else ():
        row = line.strip()
        if len(row) < 3 or row[0] != "|" or row[-1] != "|" or "|" not in row[1:-1]:
            continue
        key, _, value = row[1:-1].partition("|")
        found[key.strip()] = _value(value.strip())
    return found


def _row_shown(row: re.Match) -> str:
    return "%s%s|***%s" % (row[1], row[2], row[4]) if is_secret(row[2].strip()) else row[0]


def _value(text: str) -> Any:
    try:
        value = ast.literal_eval(text) if len(text) < 1000 else text
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (bool, int, float, str, list, tuple, type(None))) else text


def _publisher_of_wandb() -> Publisher | None:
    """In a script that has ppo_bridge.wandb.init() both belong to the one run."""
    run = getattr(sys.modules.get("ppo_bridge.wandb"), "run", None)
    return getattr(run, "publisher", None)


def _torch_writer(log_dir: Any, comment: str, args: tuple, kwargs: dict) -> Any:
    """torch's own, in a script that uses torch; None where there is none, or where it cannot write."""
    if "torch" not in sys.modules:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter as TorchWriter
    except Exception:  # not installed, or broken
        return None
    try:
        return TorchWriter(log_dir, comment, *args, **kwargs)
    except OSError as error:
        log.warning("TensorBoard's files are not written: %s", printable(str(error)))
        return None
