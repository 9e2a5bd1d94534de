"""Calls what a [task NAME] section names, in the interpreter that serves its application."""

import importlib


def run(call):
    """`call`: "package.module:function"."""
    module, _, path = call.partition(":")
    target = importlib.import_module(module)
    for name in path.split("."):
        target = getattr(target, name)
    result = target()
    if hasattr(result, "__await__"):  # async def
        import asyncio

        asyncio.run(_finish(result))


async def _finish(awaitable):
    await awaitable
