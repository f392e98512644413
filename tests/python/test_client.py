"""The asyncio client, against the real bridge and a scripted one."""

from __future__ import annotations

import asyncio
import json
import unittest
from typing import Any, Callable
from unittest import mock

import websockets
from ppo_bridge_client import Client, CommandFailed, Refused, RequestFailed
from ppo_bridge_client._backoff import Backoff
from ppo_bridge_client._cursor import RANGES_OF_RUN_MAX, RUNS_MAX, SeenEvents
from support import PATIENCE_S, Bridge, BridgeTest, wait_until

QUICK = (0.01, 0.05)


async def take(client: Client, count: int) -> list:
    found: list = []

    async def read() -> None:
        async for event in client:
            found.append(event)
            if len(found) == count:
                return

    await asyncio.wait_for(read(), PATIENCE_S)
    return found


class Seen(unittest.TestCase):
    def test_each_number_once_in_any_order(self) -> None:
        seen = SeenEvents()
        numbers = [5, 1, 2, 4, 3, 9, 7, 8, 20, 6]
        for n in numbers:
            self.assertTrue(seen.insert("s", "r", n), n)
        for n in numbers:
            self.assertFalse(seen.insert("s", "r", n), n)
        self.assertEqual(seen._runs[("s", "r")], ([1, 20], [9, 20]))
        self.assertTrue(seen.insert("s", "other", 5))

    def test_bounded_by_forgetting_the_oldest(self) -> None:
        seen = SeenEvents()
        for n in range(RANGES_OF_RUN_MAX + 10):
            seen.insert("s", "r", 2 * n + 1)
        self.assertEqual(len(seen._runs[("s", "r")][0]), RANGES_OF_RUN_MAX)
        self.assertTrue(seen.insert("s", "r", 1))
        for n in range(RUNS_MAX + 10):
            seen.insert("s", str(n), 1)
        self.assertEqual(len(seen._runs), RUNS_MAX)


class Waits(unittest.TestCase):
    def test_between_zero_and_a_ceiling_that_doubles_until_it_is_reset(self) -> None:
        backoff = Backoff(0.25, 10.0)
        with mock.patch("random.uniform", lambda low, high: (low, high)):
            ceilings = [0.25, 0.5, 1, 2, 4, 8, 10, 10]
            self.assertEqual([backoff.next() for _ in ceilings], [(0, c) for c in ceilings])
            backoff.reset()
            self.assertEqual(backoff.next(), (0, 0.25))


class Real(BridgeTest):
    def client(self, *args: Any, **options: Any) -> Client:
        return Client(self.bridge.ws, *args, backoff_s=QUICK, **options)

    def test_live_events_and_past_ones_by_filter(self) -> None:
        publisher = self.publisher("real")

        async def run() -> None:
            async with self.client(["n"]) as client:
                await client.wait_connected(PATIENCE_S)
                for n in range(5):
                    publisher.publish("n", {"n": n})
                    publisher.publish("other", {"n": n})
                live = await take(client, 5)
                self.assertEqual([e["data"]["n"] for e in live], list(range(5)))
                self.assertEqual(client.position["seq"], live[-1]["seq"])
            wait_until(lambda: len(self.bridge.events("other", "real")) == 5)
            async with self.client(since={"last": 2}, filter={"n": [1, 3]}) as client:
                past = await take(client, 2)
                self.assertEqual([e["data"]["n"] for e in past], [3, 3])
                await client.subscribe(["n"], since={"epoch": client._cursor.epoch, "seq": 0})
                again = await take(client, 5)
                self.assertEqual([e["data"]["n"] for e in again], list(range(5)))

        asyncio.run(run())

    def test_commands_are_awaitables_with_deadlines(self) -> None:
        publisher = self.publisher("trainer-1")
        publisher.on_command("add", lambda a, b: {"sum": a + b})
        publisher.on_command("silent", lambda: None, polled=True)
        wait_until(lambda: self.bridge.commands_of("trainer-1"))

        async def run() -> None:
            async with self.client([]) as client:
                answers = await asyncio.gather(
                    *(client.command("add", "trainer-1", a=n, b=1) for n in range(20))
                )
                self.assertEqual([a["sum"] for a in answers], list(range(1, 21)))
                everyone = await client.command("add", "*", a=1, b=1)
                self.assertEqual([r["result"]["sum"] for r in everyone], [2])
                self.assertIn("uptime_s", await client.command("get_status"))
                for command, target, error_type in (
                    ("add", "nobody", "unknown_target"),
                    ("fly", "trainer-1", "unknown_command"),
                    ("add", "trainer-1", "rejected"),
                ):
                    with self.assertRaises(CommandFailed) as caught:
                        await client.command(command, target)
                    self.assertEqual(caught.exception.error_type, error_type)
                with self.assertRaises(CommandFailed) as caught:
                    await client.command("silent", "trainer-1", deadline_s=0.05)
                self.assertIn(caught.exception.error_type, ("timeout", "rejected"))
                with self.assertRaisesRegex(RequestFailed, "unknown_action"):
                    await client.request("dance")

        asyncio.run(run())

    def test_a_lost_connection_is_made_again_and_nothing_is_missing(self) -> None:
        publisher = self.publisher("steady")

        async def run() -> None:
            async with self.client(["n"], filter={"source": "steady"}) as client:
                await client.wait_connected(PATIENCE_S)
                for n in range(300):
                    publisher.publish("n", {"n": n})
                    if n % 100 == 50:
                        await client._socket.close()
                    await asyncio.sleep(0.001)
                events = await take(client, 300)
                self.assertEqual([e["data"]["n"] for e in events], list(range(300)))

        asyncio.run(run())

    def test_a_slow_reader_is_owed_everything(self) -> None:
        publisher = self.publisher("slow")

        async def run() -> None:
            async with self.client(["n"], events_waiting_max=10) as client:
                await client.wait_connected(PATIENCE_S)
                for n in range(2000):
                    publisher.publish("n", {"n": n})
                await asyncio.sleep(0.1)
                self.assertLessEqual(len(client._inbox._messages), 10)
                events = await take(client, 2000)
                self.assertEqual([e["data"]["n"] for e in events], list(range(2000)))

        asyncio.run(run())

    def test_answers_come_however_many_events_wait_unread(self) -> None:
        publisher = self.publisher("unread")

        async def run(batch: bool, first: int) -> None:
            async with self.client(["n"], events_waiting_max=100, batch=batch) as client:
                await client.wait_connected(PATIENCE_S)
                for n in range(20_000):
                    publisher.publish("n", {"n": n, "more": "x" * 500})
                last = first + 19_999
                wait_until(lambda: self.bridge.source("unread").get("last_source_seq", 0) > last)
                for _ in range(3):
                    await client.command("get_status", deadline_s=20.0)
                self.assertLessEqual(len(client._inbox._messages), 100)
                events = await take(client, 5_000)
                await client.command("get_status", deadline_s=20.0)
                events += await take(client, 15_000)
                self.assertEqual([e["data"]["n"] for e in events], list(range(20_000)))

        asyncio.run(run(False, 0))
        asyncio.run(run(True, 20_000))

    def test_a_replay_is_handed_over_up_to_its_end(self) -> None:
        publisher = self.publisher("replayed")
        for n in range(3):
            publisher.publish("r", {"n": n})
        wait_until(lambda: len(self.bridge.events("r")) == 3)

        async def run() -> None:
            async with self.client([]) as client:
                params = {"from": {"seconds": 3600}, "speed": 0, "subscriptions": ["r"]}
                await client.command("replay", **params)
                got = await take(client, 4)
                self.assertEqual([m["type"] for m in got], ["r", "r", "r", "replay_end"])
                self.assertEqual(got[-1]["data"]["events"], 3)

        asyncio.run(run())

    def test_a_snapshot_comes_first_and_then_what_follows(self) -> None:
        publisher = self.publisher("shown")
        for n in range(5):
            publisher.publish("s", {"item": "ab"[n % 2], "n": n})
        wait_until(lambda: len(self.bridge.events("s")) == 5)

        async def run() -> None:
            async with self.client(["s"], snapshot=True, on_lag="latest") as client:
                await client.wait_connected(PATIENCE_S)
                newest = client.position["seq"]
                got = await take(client, 2)
                self.assertEqual([e["data"]["n"] for e in got], [3, 4])
                self.assertEqual(client.position["seq"], newest)
                await client._socket.close()
                publisher.publish("s", {"item": "a", "n": 5})
                self.assertEqual((await take(client, 1))[0]["data"]["n"], 5)
                await client.subscribe(["s"], snapshot=True, max_rate_hz=50)
                self.assertEqual([e["data"]["n"] for e in await take(client, 2)], [3, 5])

        asyncio.run(run())

    def test_a_registration_that_is_none_is_refused(self) -> None:
        async def run() -> None:
            async with self.client(["a b"]) as client:
                with self.assertRaisesRegex(Refused, "bad_request: subscriptions"):
                    async for _ in client:
                        pass
                with self.assertRaises(Refused):
                    await client.wait_connected(PATIENCE_S)
            async with Client(self.bridge.ws + "/elsewhere") as client:
                with self.assertRaisesRegex(Refused, "404"):
                    await client.command("get_status")

        asyncio.run(run())

    def test_close_ends_the_iteration(self) -> None:
        async def run() -> None:
            client = self.client()
            client.start()
            reading = asyncio.get_running_loop().create_task(take(client, 1))
            await client.wait_connected(PATIENCE_S)
            await client.close()
            await client.close()
            self.assertEqual(await reading, [])

        asyncio.run(run())


class Restart(unittest.TestCase):
    def test_a_bridge_that_starts_anew_goes_on(self) -> None:
        bridge = Bridge()
        self.addCleanup(bridge.close)

        async def run() -> None:
            async with Client(bridge.ws, ["n"], backoff_s=QUICK) as client:
                await client.wait_connected(PATIENCE_S)
                first = client._cursor.epoch
                bridge.kill()
                with self.assertRaisesRegex(CommandFailed, "timeout|connection_lost"):
                    await client.command("get_status", deadline_s=0)
                bridge.start()
                await client.command("get_status", deadline_s=PATIENCE_S)
                self.assertNotEqual(client._cursor.epoch, first)

        asyncio.run(run())


class Scripted(unittest.TestCase):
    """What a restarted bridge repeats."""

    def run_against(self, script: Callable, test: Callable, **options: Any) -> None:
        connections: list = []
        self.seen = connections

        async def serve(socket: Any, path: str = "") -> None:
            request = json.loads(await socket.recv())
            connections.append(request)
            for message in script(len(connections), request):
                await socket.send(json.dumps(message))
            if len(connections) < 3:
                return  # which closes it
            await socket.wait_closed()

        async def run() -> None:
            async with websockets.serve(serve, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                url = "ws://127.0.0.1:%d/ws" % port
                options.setdefault("since", {"last": 9})
                async with Client(url, backoff_s=QUICK, **options) as client:
                    await test(client)

        asyncio.run(run())
        self.connections = connections

    def test_what_is_no_message_costs_the_connection_and_not_the_client(self) -> None:
        reply = {"status": "registered", "action": "register", "id": "register", "epoch": "one", "seq": 0}
        odd: Any = [5, [None], {"seq": 1, "source": [], "source_seq": 1}, {"status": "error", "action": "register", "id": "resume", "data": 5},
                    {"status": 1, "action": 1, "id": []}, [{"type": "n", "data": {}, "seq": {}}]]
        for nonsense in odd:
            with self.subTest(str(nonsense)[:50]):
                def script(connection: int, request: dict) -> list:
                    return [reply, nonsense] if connection < 3 else [reply, {"type": "n", "data": {"n": 7}, "seq": 9}]

                async def test(client: Client) -> None:
                    while (await take(client, 1))[0].get("data") != {"n": 7}:
                        pass

                self.run_against(script, test)

    def test_a_bridge_that_says_nothing_is_left(self) -> None:
        reply = {"status": "registered", "action": "register", "id": "register", "epoch": "one", "seq": 0}

        async def serve(socket: Any, path: str = "") -> None:
            seen.append(socket)
            if len(seen) > 1:
                await socket.send(json.dumps(reply))
            await socket.wait_closed()

        async def run() -> None:
            async with websockets.serve(serve, "127.0.0.1", 0) as server:
                url = "ws://127.0.0.1:%d/ws" % server.sockets[0].getsockname()[1]
                async with Client(url, backoff_s=QUICK) as client:
                    await client.wait_connected(PATIENCE_S)

        seen: list = []
        with mock.patch("ppo_bridge_client.client._CONNECT_TIMEOUT_S", 0.3):
            asyncio.run(run())

    def test_what_others_wrote_steers_no_terminal(self) -> None:
        failed = CommandFailed("rejected", "no\x1b[2J\u202e\x9b!")
        self.assertEqual(str(failed), "rejected: no\ufffd[2J\ufffd\ufffd!")
        self.assertEqual(failed.message, "no\x1b[2J\u202e\x9b!")

    def test_how_events_are_wanted_is_kept_over_connections(self) -> None:
        def script(connection: int, request: dict) -> list:
            reply = {"status": "registered", "action": "register", "id": "register"}
            reply.update(epoch="one", seq=7)
            return [reply]

        async def test(client: Client) -> None:
            while len(self.seen) < 3:
                await asyncio.sleep(0.01)

        how = {"batch": True, "snapshot": True, "max_rate_hz": 5, "on_lag": "gap"}
        self.run_against(script, test, **how, filter={"n": 1})
        for request in self.connections:
            self.assertEqual(request["deliver"], {"mode": "latest", "max_rate_hz": 5})
            self.assertEqual((request["batch"], request["snapshot"]), (True, True))
            self.assertEqual((request["on_lag"], request["filter"]), ("gap", {"n": 1}))

    def test_repeated_events_and_gaps_come_once(self) -> None:
        def event(seq: int, number: int, **more: Any) -> dict:
            named = {"source": "s", "run": "r", "source_seq": number}
            return {"type": "n", "data": {"n": number}, "seq": seq, **named, **more}

        gap = {"type": "gap", "data": {"from_seq": 1, "to_seq": 4, "reason": "evicted"}}

        def script(connection: int, request: dict) -> list:
            epoch = "one" if connection < 3 else "two"
            reply = {"status": "registered", "action": "register", "id": "register"}
            reply.update(epoch=epoch, seq=7)
            return [{"type": "system_status", "data": {}}, reply] + {
                1: [gap, event(5, 1), event(6, 2)],
                2: [event(6, 2), event(7, 3)],
                3: [gap, gap, [event(1, 2), event(2, 3)], event(3, 4), event(3, 4, replay=True)],
            }[connection]

        async def test(client: Client) -> None:
            got = await take(client, 7)
            self.assertEqual(
                [m["data"].get("n", "gap") for m in got], ["gap", 1, 2, 3, "gap", 4, 4]
            )
            self.assertEqual(client.position, {"epoch": "two", "seq": 3})

        self.run_against(script, test)
        self.assertEqual(
            [request["since"] for request in self.connections],
            [{"last": 9}, {"epoch": "one", "seq": 6}, {"epoch": "one", "seq": 7}],
        )


if __name__ == "__main__":
    unittest.main()
