"""What tests of hooks share: an integration that publishes to a bridge, and what came there."""

from __future__ import annotations

import logging

from ppo_bridge import PPOWebSocketIntegration
from support import BridgeTest, wait_until


class HookTest(BridgeTest):
    def setUp(self) -> None:
        self.source = self.id().split(".")[-1][:60]
        self.hooked = PPOWebSocketIntegration(
            source=self.source, endpoint=self.bridge.events_in, control=self.bridge.control
        )
        self.addCleanup(self.hooked.publisher.close, 0)
        logging.getLogger("ppo_bridge").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("ppo_bridge").setLevel, logging.NOTSET)

    def sent_of(self, type: str, count: int) -> list:
        """The data of all of one type."""
        return self.sent(count, type)

    def sent(self, count: int, type: str | None = None) -> list:
        """The data of all events of this test, once these many are there and no more are waiting."""
        wait_until(lambda: self.hooked.publisher.flush(20))
        events = self.bridge.wait_events(count, type, self.source)
        self.assertEqual(len(events), count)
        return [event["data"] for event in events]
