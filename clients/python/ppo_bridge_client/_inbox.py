"""Events between the connection and the user."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable


class Inbox:
    """A queue that has an end. Its bound is kept by who puts."""

    def __init__(self, messages_max: int) -> None:
        self._messages: deque[dict] = deque()
        self._messages_max = messages_max
        self._changed = asyncio.Condition()
        self._ended = False

    @property
    def full(self) -> bool:
        return len(self._messages) >= self._messages_max

    @property
    def half_empty(self) -> bool:
        return len(self._messages) <= self._messages_max // 2

    async def put(self, message: dict) -> None:
        async with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    async def get(self) -> dict | None:
        """None at the end."""
        async with self._changed:
            while not self._messages:
                if self._ended:
                    return None
                await self._changed.wait()
            self._changed.notify_all()
            return self._messages.popleft()

    async def wait_until(self, condition: Callable[[], Any]) -> None:
        """Looked at again when a message came or went, and after poke()."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def poke(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def end(self) -> None:
        """What arrived can still be taken."""
        self._ended = True
        await self.poke()
