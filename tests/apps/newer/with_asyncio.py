"""asyncio of 3.14: no loop by itself, call graphs, tasks of each thread."""

import asyncio
import contextvars
import threading
import warnings

VARIABLE = contextvars.ContextVar("variable", default="none")


async def inner(name):
    await asyncio.sleep(0)
    graph = asyncio.format_call_graph()
    return [name, VARIABLE.get(), "async generator" in graph or "Task" in graph,
            asyncio.current_task().get_name(), len(asyncio.all_tasks())]


async def outer(name):
    VARIABLE.set(name)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(inner(f"{name}{i}"), name=f"t{i}") for i in range(3)]
    async with asyncio.timeout(5):
        in_thread = await asyncio.to_thread(VARIABLE.get)
    process = await asyncio.create_subprocess_exec("/bin/echo", name, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return [task.result() for task in tasks], in_thread, out.decode().strip()


def answer(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            asyncio.get_event_loop()
            loop = "there"
        except RuntimeError as error:
            loop = type(error).__name__
        policy = type(asyncio.get_event_loop_policy()).__name__
    results = []
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(outer(name))))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with asyncio.Runner() as runner:
        results.append(runner.run(outer(name)))
    return [loop, policy, results]
