"""conf/schemas: what PROTOCOL shows, and what programs publish and are sent, is as the schemas say."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Iterator

import websockets
from support import ROOT, Bridge, started, wait_until

try:
    from jsonschema import Draft7Validator, RefResolver
except ImportError:  # Debian: python3-jsonschema
    Draft7Validator = None  # type: ignore[assignment, misc]

SCHEMAS = ROOT / "conf/schemas"
TYPES = {file.stem: json.loads(file.read_text()) for file in (SCHEMAS / "types").glob("*.json")}
MESSAGES = json.loads((SCHEMAS / "messages.json").read_text())
# Of RapidJSON's validator as well, which knows JSON Schema's draft 4.
KEYWORDS = {
    "$schema", "$ref", "title", "description", "type", "properties", "required", "enum", "items", "anyOf", "pattern",
    "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "additionalProperties", "definitions",
}
SUBSCRIBED = ("registered", "subscribed", "unsubscribed")


def schema_of(message: Any) -> str:
    """Which definition of messages.json is meant by it."""
    if isinstance(message, list):
        return "batch"
    status, type = message.get("status"), message.get("type")
    if status is not None:
        other = {"success": "submitted"}
        return "subscribed" if status in SUBSCRIBED else other.get(status, status)
    if "action" in message:
        return message["action"]
    if type in ("gap", "replay_end"):
        return type
    if type == "_source":
        return "hello"
    if type == "system_status" and message["data"].get("status") in ("connected", "token_expires"):
        return "welcome" if message["data"]["status"] == "connected" else "token_expires"
    if type is not None:
        return "event" if "seq" in message else "published"
    if "what" in message:
        return "audit_line"
    if "node" in message and "wall" in message:
        return "node_heartbeat"
    if "journal" in message:
        return "node_journal"
    if "answers" in message or "refusal" in message:
        return "node_answer"
    if "command" in message and "from" in message:
        return "node_command"
    if "command" in message:
        return "clock" if message["command"] == "_clock" else "trainer_command"
    return "trainer_answer"


@functools.lru_cache(None)
def validator(name: str, of_data: bool = False) -> Any:
    if of_data:
        return Draft7Validator(TYPES[name])
    return Draft7Validator({"$ref": "#/definitions/" + name}, resolver=RefResolver("", MESSAGES))


def wrong_with(message: Any) -> list[str]:
    """Empty: nothing."""
    name = schema_of(message)
    found = ["%s: %s" % (name, error.message) for error in validator(name).iter_errors(message)]
    for event in message if name == "batch" else [message]:
        if event.get("type") in TYPES and "data" in event and "status" not in event:
            errors = validator(event["type"], of_data=True).iter_errors(event["data"])
            found += ["%s: %s" % (event["type"], error.message) for error in errors]
    return found


def examples() -> Iterator[tuple[int, Any]]:
    """The JSON of PROTOCOL, with its line."""
    for number, line in enumerate((ROOT / "bridge/PROTOCOL.md").read_text().split("\n"), 1):
        text = line.strip()
        if text.startswith("data: "):
            text = text[6:]
        if re.match(r'\{"[a-z]', text) and not line.startswith("`") and "|" not in text[:2]:
            try:
                yield number, json.loads(text.replace('"timestamp":...', '"timestamp":0'))
            except ValueError:
                if line.startswith(("    ", "data: ")):
                    raise AssertionError("PROTOCOL line %d is no JSON" % number) from None


@unittest.skipIf(Draft7Validator is None, "python3-jsonschema is not installed")
class Schemas(unittest.TestCase):
    def test_each_is_a_schema_that_rapidjson_could_check(self) -> None:
        def keywords(schema: Any) -> Iterator[str]:
            if not isinstance(schema, dict):
                return
            for key, value in schema.items():
                yield key
                if key in ("properties", "definitions"):
                    for inner in value.values():
                        yield from keywords(inner)
                elif key in ("items", "additionalProperties"):
                    yield from keywords(value)
                elif key == "anyOf":
                    for inner in value:
                        yield from keywords(inner)

        for name, schema in {**TYPES, "messages": MESSAGES}.items():
            with self.subTest(name):
                Draft7Validator.check_schema(schema)
                self.assertLessEqual(set(keywords(schema)), KEYWORDS)
                if name in TYPES:
                    self.assertEqual(schema["title"], name)

    def test_each_typed_event_has_one_with_all_of_its_members(self) -> None:
        header = (ROOT / "publishers/ppo_publisher/include/ppo_publisher/events.h").read_text()
        structs = re.findall(r'^struct \w+ \{\n  static constexpr std::string_view kType = "(\w+)";\n(.*?)^\};', header, re.M | re.S)
        self.assertEqual(len(structs), 11)
        for type, body in structs:
            members = re.findall(r"^  [\w:<>, ]+ (\w+)(?:\{\}| = .*);", body, re.M)
            with self.subTest(type):
                self.assertGreater(len(members), 1)
                self.assertLessEqual(set(members), set(TYPES[type]["properties"]))

    def test_asyncapi_leads_to_messages_that_there_are(self) -> None:
        api = json.loads((SCHEMAS / "asyncapi.json").read_text())
        self.assertEqual(api["asyncapi"], "3.0.0")

        def references(value: Any) -> Iterator[str]:
            if isinstance(value, dict):
                if "$ref" in value:
                    yield value["$ref"]
                for inner in value.values():
                    yield from references(inner)
            elif isinstance(value, list):
                for inner in value:
                    yield from references(inner)

        shown = set()
        for reference in references(api):
            file, _, path = reference.partition("#/")
            where: Any = json.loads((SCHEMAS / file).read_text()) if file else api
            for step in path.split("/"):
                self.assertIn(step, where, reference)
                where = where[step]
            if file:
                shown.add(step)
        self.assertLessEqual({"event", "gap", "register", "command", "command_result", "welcome"}, shown)
        sent = {m["$ref"].split("/")[-1] for o in api["operations"].values() for m in o["messages"] + o.get("reply", {}).get("messages", [])}
        self.assertEqual(sent, shown)


@unittest.skipIf(Draft7Validator is None, "python3-jsonschema is not installed")
class Protocol(unittest.TestCase):
    def test_every_example_is_as_its_schema_says(self) -> None:
        seen = set()
        for line, message in examples():
            with self.subTest("PROTOCOL line %d" % line):
                self.assertEqual(wrong_with(message), [])
            seen.add(schema_of(message))
        # Those that no example shows as a whole.
        unseen = set(MESSAGES["definitions"]) - seen - {"since", "parameter", "batch", "token_expires"}
        self.assertEqual(unseen, set())

    def test_what_is_wrong_is_found(self) -> None:
        event = {"type": "trade_executed", "data": {"item": "Coal"}, "timestamp": 1.5, "seq": 1}
        self.assertEqual(wrong_with(event), [])
        for change in ({"seq": 0}, {"seq": "1"}, {"data": []}, {"type": "_a"}, {"source": "a b"}, {"timestamp": None},
                       {"data": {"item": 5}}, {"data": {"quantity": 1.5}}, {"data": {"agent_id": None}}):
            with self.subTest(change):
                self.assertNotEqual(wrong_with({**event, **change}), [])
        self.assertNotEqual(wrong_with({"action": "command"}), [])
        self.assertNotEqual(wrong_with({"action": "subscribe", "subscriptions": ["a**"]}), [])
        self.assertNotEqual(wrong_with({"action": "register", "since": {"epoch": "a"}}), [])
        self.assertNotEqual(wrong_with({"type": "gap", "timestamp": 1, "data": {"reason": "lost"}}), [])
        self.assertNotEqual(wrong_with([event, {**event, "data": {"item": 5}}]), [])


@unittest.skipIf(Draft7Validator is None, "python3-jsonschema is not installed")
class Real(unittest.TestCase):
    """What a trainer in C++, one in Python and a bot do, as a client sees it."""

    TEN = {"trade_executed", "price_update", "margin_update", "agent_decision", "portfolio_update", "market_analysis",
           "system_status", "error", "training_update", "episode_end"}
    SENT = (
        {"action": "register", "subscriptions": ["*"], "batch": True, "since": {"last": 10_000}},
        {"action": "ping", "id": 1},
        {"action": "dance"},
        {"action": "command", "command": "get_status", "id": "a"},
        {"action": "command", "command": "get_portfolio", "target": "*"},
        {"action": "command", "command": "pause", "target": "nobody"},
        {"action": "command", "command": "create_alert", "params": {"rule": "training_update", "action": {"command": "get_portfolio"}}},
        {"action": "unsubscribe", "subscriptions": ["scalar"]},
        {"action": "command", "command": "replay", "params": {"to": {"seq": 5}, "speed": 0}},
    )

    @classmethod
    def setUpClass(cls) -> None:
        cls.bridge = Bridge("schemas.directory=%s" % SCHEMAS, "schemas.mode=reject")
        cls.addClassCleanup(cls.bridge.close)

    def start(self, *command: Any) -> None:
        started(self, list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_events_and_messages_are_as_the_schemas_say(self) -> None:
        bridge, bin = self.bridge, Path(os.environ["PPO_BRIDGE_BIN"]).parent
        rejected = bridge.counters()["rejected"]
        to = ("--events", bridge.events_in, "--control", bridge.control)
        self.start(bin / "ppo-trainer", "--agents", "2", "--steps", "100000000", "--pace", "300", "--detail-rate", "300",
                   "--source", "trainer-1", *to)
        wait_until(lambda: bridge.commands_of("trainer-1"))
        bot = ("--target", "trainer-1/agent_0", "--events", bridge.events_out, "--commands", bridge.commands)
        self.start(bin / "ppo-bot", *bot)
        self.start(sys.executable, ROOT / "clients/python/examples/margin_bot.py", *bot)
        self.start(sys.executable, ROOT / "publishers/python/examples/numpy_ppo.py", "--steps", "2048", "--source", "numpy", *to)
        wanted = {("ppo-bridge", type) for type in ("system_status", "command_executed", "alert_raised", "alert_action")}
        wanted |= {("trainer-1", type) for type in self.TEN} | {("numpy", type) for type in ("run_started", "training_update", "trade_executed")}
        kinds = {"welcome", "subscribed", "pong", "error", "command_result", "batch", "replay_end"}
        checked: dict = {}  # how many of each were looked at

        async def watch() -> None:
            async with websockets.connect(bridge.ws, max_size=None) as socket:
                for request in self.SENT:
                    if request["action"] != "dance":
                        self.assertEqual(wrong_with(request), [])
                    await socket.send(json.dumps(request))
                async for text in socket:
                    message = json.loads(text)
                    kinds.discard(schema_of(message))
                    for event in message if isinstance(message, list) else [message]:
                        of = (event.get("source"), event.get("type"))
                        wanted.discard(of)
                        checked[of] = checked.get(of, 0) + 1
                        if checked[of] <= 30:
                            self.assertEqual(wrong_with(event), [], event)
                    if not wanted and not kinds:
                        return

        try:
            asyncio.run(asyncio.wait_for(watch(), 60))
        except asyncio.TimeoutError:
            self.fail("never seen: %s, %s" % (wanted, kinds))
        # The bridge's own check (RapidJSON's) has nothing against any of it either.
        self.assertEqual(bridge.counters()["rejected"], rejected)
        told = {one["type"]: one for one in bridge.ask("get_event_types")["result"]["event_types"]}
        for type in self.TEN - {"system_status", "error"}:
            self.assertGreater(told[type]["checked"], 0)
            self.assertEqual(told[type]["mismatched"], 0)

    def get(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.bridge.ws.replace("ws://", "http://").replace("/ws", path), body)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def test_the_bridge_serves_them(self) -> None:
        status, body = self.get("/schemas/")
        paths = json.loads(body)["schemas"]
        self.assertEqual(status, 200)
        files = {"/schemas/" + file.relative_to(SCHEMAS).as_posix() for file in SCHEMAS.rglob("*.json")}
        self.assertEqual(set(paths), files)
        for path in paths:
            self.assertEqual(self.get(path), (200, (SCHEMAS / path[len("/schemas/"):]).read_bytes()))
        self.assertEqual(self.get("/schemas/types/nothing.json")[0], 404)
        self.assertEqual(self.get("/schemas/../bridge.toml")[0], 404)

    def test_an_event_that_does_not_fit_is_refused_and_told_why(self) -> None:
        status, body = self.get("/submit_event", b'{"type":"scalar","data":{"tag":5,"value":1}}')
        self.assertEqual(status, 400)
        why = 'schema_mismatch: data/tag is against "type" of /schemas/types/scalar.json'
        self.assertEqual(json.loads(body)["data"]["message"], why)
        self.assertEqual(self.get("/submit_event", b'{"type":"of_mine","data":{"item":5}}')[0], 200)

    def test_a_bridge_that_cannot_have_them_does_not_start(self) -> None:
        for settings, why in ((("schemas.mode=count",), "needs schemas.directory"), (("schemas.directory=/nowhere",), "cannot list /nowhere"),
                              (("schemas.mode=maybe",), "must be off, count or reject")):
            command = [os.environ["PPO_BRIDGE_BIN"], "--set", "journal.path=", "--set", "websocket.listen=127.0.0.1:0"]
            for setting in (*settings, 'events.bind=["tcp://127.0.0.1:*"]', "bots.events=", "bots.commands=", "trainers.control="):
                command += ["--set", setting]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            with self.subTest(settings):
                self.assertIn(done.returncode, (1, 2))
                self.assertIn(why, done.stderr)

    def test_openapi_is_what_the_bridge_serves(self) -> None:
        address = self.bridge.ws.replace("ws://", "http://").replace("/ws", "/api/openapi.json")
        served = json.load(urllib.request.urlopen(address, timeout=20))
        kept = json.loads((SCHEMAS / "openapi.json").read_text())
        for text in (served, kept):
            del text["info"]["version"]
        self.assertEqual(served, kept, "the bridge's is another: curl .../api/openapi.json > conf/schemas/openapi.json")


if __name__ == "__main__":
    unittest.main()
