"""A client of the bridge that stays; see README.md."""

from .client import Client, CommandFailed, Refused, RequestFailed

__version__ = "0.1.0"

__all__ = ["Client", "CommandFailed", "Refused", "RequestFailed"]
