"""Runs a block of Python, read from a file, as if it stood in a notebook: `await` may stand outside a function."""

import ast
import asyncio
import inspect
import sys

with open(sys.argv[1]) as file:
    code = compile(file.read(), sys.argv[1], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
names: dict = {"__name__": "__main__"}
if code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(eval(code, names))
else:
    exec(code, names)
