"""The name under which scripts of the Python server's time import it."""

from ppo_bridge import EventTypes, PPOWebSocketIntegration

__all__ = ["EventTypes", "PPOWebSocketIntegration"]
