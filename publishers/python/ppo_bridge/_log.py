"""The library's log. A handler or a filter of the script's that raises costs its line and nothing else."""

from __future__ import annotations

import logging
from typing import Callable


def _safely(handle: Callable[[logging.LogRecord], None]) -> Callable[[logging.LogRecord], None]:
    def handled(record: logging.LogRecord) -> None:
        try:
            handle(record)
        except Exception:
            pass

    return handled


log = logging.getLogger("ppo_bridge")
log.handle = _safely(log.handle)  # type: ignore
