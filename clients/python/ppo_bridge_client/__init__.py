"""Clients of the bridge that stay, over WebSocket and, for bots, over ZeroMQ; see README.md."""

from __future__ import annotations

from pathlib import Path as _Path
from typing import TYPE_CHECKING, Any

from ._errors import CommandFailed, Refused, RequestFailed

if TYPE_CHECKING:
    from .bot_feed import BotFeed
    from .client import Client

__version__ = _Path(__file__).with_name("VERSION").read_text(encoding="utf-8").strip()

__all__ = ["BotFeed", "Client", "CommandFailed", "Refused", "RequestFailed"]


def __getattr__(name: str) -> Any:
    # A bot needs no websockets, and whoever follows the WebSocket no pyzmq.
    if name == "Client":
        from .client import Client

        return Client
    if name == "BotFeed":
        from .bot_feed import BotFeed

        return BotFeed
    raise AttributeError("ppo_bridge_client has no " + name)
