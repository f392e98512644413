"""What stands in front of a block that is a part of a program: see pages.py."""

PYTHON = {
    "agent and env": """
class Agent:
    def sample_action(self, state=None): return {"type": "hold"}
    def update(self, *rest): return {"policy_loss": 0.1}
class Env:
    def reset(self): return {}, {}
    def step(self, action): return {}, 1.0, False, False, {"agent_id": "agent_0"}
agent, env = Agent(), Env()
""",
    "a loop": """
import argparse, os, threading
from ppo_bridge import Publisher
publisher = Publisher("docs", run_name="docs")
class Optimizer:
    param_groups = [{"lr": 0.001}]
optimizer, agent, args = Optimizer(), None, argparse.Namespace(clip_coef=0.2)
loss = v = h = 0.5
step = global_step = 1
paused = threading.Event()
def collect(): pass
def save(agent, step): pass
threading.Timer(0.3, lambda: os._exit(0)).start()
""",
    "a key": """
import pathlib, zmq
ctx = zmq.Context()
public, secret = zmq.curve_keypair()
server, _ = zmq.curve_keypair()
for name in ("trainer-1.key", "bot-1.key"):
    pathlib.Path(name).write_bytes(b"\\n".join((public, secret, server)))
events, commands = ctx.socket(zmq.SUB), ctx.socket(zmq.REQ)
""",
}

CPP = {
    "publisher": ("#include <ppo_publisher/publisher.h>\n"
                  "void all(ppo::Publisher& publisher, double loss, std::int64_t step) {\n", "}\n"),
    "move": ("""#include <map>
#include <string>
#include <ppo_publisher/hooks.h>
struct MyMove { std::string side, item; double price = 0; };
struct MyAgent { MyMove sample_action(int) { return {}; } std::map<std::string, double> update() { return {}; } };
struct MyEnv { int reset() { return 0; } int step(const MyMove&) { return 0; } };
""", ""),
}
