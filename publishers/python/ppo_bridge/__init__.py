"""Streams a training script to the bridge, and takes its commands; see README.md."""

from pathlib import Path as _Path

from ._commands import Command, CommandRejected
from .hooks import Hooks, HookStats
from .integration import EventTypes, PPOWebSocketIntegration
from .publisher import CommandStats, Publisher, PublisherStats
from .steering import Steering

__version__ = _Path(__file__).with_name("VERSION").read_text(encoding="utf-8").strip()

__all__ = [
    "Command",
    "CommandRejected",
    "CommandStats",
    "EventTypes",
    "HookStats",
    "Hooks",
    "PPOWebSocketIntegration",
    "Publisher",
    "PublisherStats",
    "Steering",
]
