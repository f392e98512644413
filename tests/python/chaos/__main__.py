"""Attacks a bridge ($PPO_BRIDGE_BIN) beside four trainers and ten clients, and tells what became of them:

    cd tests/python && PPO_BRIDGE_BIN=../../build/release/bin/ppo-bridge \\
      PYTHONPATH=../../publishers/python:../../clients/python:. /usr/bin/python3 -m chaos --only WildHead
"""

from __future__ import annotations

import argparse
import sys

from .attacks import ATTACKS, TOGETHER
from .run import run_chaos

parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--seconds", type=float, default=60, help="how long they attack (default: 60)")
parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(ATTACKS), help="these attacks")
parser.add_argument("--without", nargs="+", metavar="NAME", default=[], help="all but these")
parser.add_argument("--none", action="store_true", help="no attack at all")
parser.add_argument("--each", action="store_true", help="one after the other, each with a bridge of its own")
parser.add_argument("--list", action="store_true", help="what there is")
parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the bridge")
options = parser.parse_args()
if options.list:
    for name, kind in ATTACKS.items():
        print("%-24s %s" % (name, kind.__doc__))
    sys.exit(0)
chosen = [] if options.none else [name for name in options.only or (ATTACKS if options.each else TOGETHER) if name not in options.without]
failed = False
for names in [[name] for name in chosen] if options.each else [chosen]:
    report = run_chaos(names, options.seconds, options.set)
    failed = failed or bool(report.faults)
    print("%s: %s\n%s\n" % (", ".join(names) or "nobody", "FAULTS" if report.faults else "no harm", report.text),
          flush=True)
sys.exit(failed)
