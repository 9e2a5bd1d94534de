"""What is left running when a generation ends: loops, executors, queues, compressors, hooks."""

import asyncio
import concurrent.futures
import concurrent.interpreters
import dataclasses
import threading
import typing
import warnings

from compression import zstd

LIMIT: int = 3
LATER: "Record"
EXECUTOR = concurrent.futures.InterpreterPoolExecutor(1)
THREADS = concurrent.futures.ThreadPoolExecutor(1)
QUEUE = concurrent.interpreters.create_queue()
LOOP = asyncio.new_event_loop()
COMPRESSOR = zstd.ZstdCompressor(options={zstd.CompressionParameter.nb_workers: 1})


@dataclasses.dataclass
class Record:
    number: Number
    child: Record | None = None


Number = int


async def ticks():
    while True:
        await asyncio.sleep(0.01)


async def start():
    global TASK
    TASK = asyncio.create_task(ticks(), name="ticks")
    await asyncio.sleep(0)
    return TASK.get_name()


threading.Thread(target=LOOP.run_forever, daemon=True).start()
THREAD = threading.Thread(target=threading.Event().wait, daemon=True)
THREAD.start()


def answer(name):
    QUEUE.put((name, None, 1.5))
    ticking = asyncio.run_coroutine_threadsafe(start(), LOOP).result()
    chunk = COMPRESSOR.compress(name.encode() * 10)
    return [
        ticking, EXECUTOR.submit(abs, -3).result(), THREADS.submit(abs, -4).result(),
        QUEUE.get()[0], len(chunk) >= 0, __annotate__ is not None,
        [str(hint) for hint in typing.get_type_hints(Record).values()],
        sorted(__import__(__name__).__annotations__), THREAD.is_alive(),
    ]
