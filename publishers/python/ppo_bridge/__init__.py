"""Streams a training script to the bridge, and takes its commands; see README.md."""

from ._commands import Command, CommandRejected
from .hooks import Hooks, HookStats
from .integration import EventTypes, PPOWebSocketIntegration
from .publisher import CommandStats, Publisher, PublisherStats
from .steering import Steering

__version__ = "0.1.0"

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
