"""A SummaryWriter that streams, for scripts that write to TensorBoard (CleanRL's and many others):

    from ppo_bridge.tensorboard import SummaryWriter   # was: from torch.utils.tensorboard import ...

Where torch's own is there it is written to as well, so that nothing is missing from the files.
"""

from __future__ import annotations

import sys
from typing import Any

from ._extract import number
from .publisher import Publisher

# The last part of a tag, lower-case -> the field of training_update.
_UPDATE = {
    "policy_loss": "policy_loss",
    "policy_gradient_loss": "policy_loss",
    "pg_loss": "policy_loss",
    "value_loss": "value_loss",
    "v_loss": "value_loss",
    "entropy": "entropy",
    "entropy_loss": "entropy_loss",
    "approx_kl": "approx_kl",
    "old_approx_kl": "old_approx_kl",
    "clipfrac": "clip_fraction",
    "clip_fraction": "clip_fraction",
    "explained_variance": "explained_variance",
    "learning_rate": "learning_rate",
    "sps": "steps_per_second",
    "fps": "steps_per_second",
}
_REWARD = ("episodic_return", "episode_reward", "ep_rew_mean")
_LENGTH = ("episodic_length", "episode_length", "ep_len_mean")


class SummaryWriter:
    """Scalars of one update become one `training_update`, an episode's return and length one
    `episode_end`; other scalars are events `scalar` (tag, value, step), texts `text`. What is gathered
    goes out when the next step's scalars begin, or with flush(). Never raises into training.
    """

    def __init__(
        self,
        log_dir: Any = None,
        *args: Any,
        publisher: Publisher | None = None,
        source: str | None = None,
        agent_id: str = "agent_0",
        **kwargs: Any,
    ) -> None:
        """`log_dir` and what else is not named here goes to torch's writer."""
        self.log_dir = log_dir
        self._own = publisher is None
        self.publisher = Publisher(source) if publisher is None else publisher
        self._agent_id = agent_id
        self._gathered: dict[str, dict] = {}  # by event type
        self._step: Any = None
        self._updates = self._episodes = 0
        self._writer = _torch_writer(log_dir, args, kwargs)

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if self._writer is not None:
            self._writer.add_scalar(tag, scalar_value, global_step, *args, **kwargs)
        try:
            self._take(str(tag), number(scalar_value), number(global_step))
        except Exception as error:
            self.publisher.refuse("scalar", str(error))

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Any, global_step: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if self._writer is not None:
            self._writer.add_scalars(main_tag, tag_scalar_dict, global_step, *args, **kwargs)
        try:
            for tag, value in dict(tag_scalar_dict).items():
                self._take("%s/%s" % (main_tag, tag), number(value), number(global_step))
        except Exception as error:
            self.publisher.refuse("scalar", str(error))

    def add_text(self, tag: str, text_string: str, global_step: Any = None, *args: Any) -> None:
        if self._writer is not None:
            self._writer.add_text(tag, text_string, global_step, *args)
        data = {"agent_id": self._agent_id, "tag": tag, "text": text_string}
        self.publisher.publish("text", {**data, "step": number(global_step)})

    def __getattr__(self, name: str) -> Any:
        """Histograms, images, graphs and the like have no event."""
        if not name.startswith("add_"):
            raise AttributeError(name)
        return getattr(self._writer, name, lambda *args, **kwargs: None)

    def flush(self) -> None:
        self._publish_gathered()
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        self.flush()
        if self._writer is not None:
            self._writer.close()
        if self._own:
            self.publisher.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, tag: str, value: Any, step: Any) -> None:
        if step != self._step:
            self._publish_gathered()
            self._step = step
        name = tag.rsplit("/", 1)[-1].lower()
        if name in _UPDATE:
            self._gather("training_update", _UPDATE[name], value)
        elif name in _REWARD:
            self._gather("episode_end", "reward", value)
        elif name in _LENGTH:
            self._gather("episode_end", "steps", value)
        else:
            data = {"agent_id": self._agent_id, "tag": tag, "value": value, "step": step}
            self.publisher.publish("scalar", data)

    def _gather(self, event_type: str, name: str, value: Any) -> None:
        if name in self._gathered.get(event_type, {}):  # two episodes that ended in one step
            self._publish_gathered()
        self._gathered.setdefault(event_type, {})[name] = value

    def _publish_gathered(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for event_type, fields in gathered.items():
            data = {"agent_id": self._agent_id}
            if event_type == "training_update":
                self._updates += 1
                data["update"], data["steps"] = self._updates, self._step
            else:
                self._episodes += 1
                data["episode"] = self._episodes
            self.publisher.publish(event_type, {**data, **fields})


def _torch_writer(log_dir: Any, args: tuple, kwargs: dict) -> Any:
    """torch's own, in a script that uses torch; None where there is none."""
    if "torch" not in sys.modules:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter as TorchWriter
    except ImportError:
        return None
    return TorchWriter(log_dir, *args, **kwargs)
