"""Processes that an application starts: forkserver is what Python 3.14 starts them with."""

import concurrent.futures
import multiprocessing
import os


def double(number):
    return 2 * number, multiprocessing.current_process().name.rpartition("-")[0]


def put(queue, value):
    queue.put((value, __name__ == "__main__"))


def answer(name):
    results = {"default": multiprocessing.get_start_method()}
    for method in ("forkserver", "spawn"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=put, args=(queue, name))
        process.start()
        got = queue.get(timeout=30)
        process.join()
        queue.close()
        queue.join_thread()
        with context.Pool(1) as pool:
            doubled = pool.map(double, [1, 2])
        results[method] = [got, process.exitcode, doubled]
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        results["executor"] = list(executor.map(abs, [-1, -2]))
    with multiprocessing.Manager() as manager:
        shared = manager.dict(a=1)
        results["manager"] = dict(shared)
    block = multiprocessing.shared_memory.SharedMemory(create=True, size=16) if hasattr(
        multiprocessing, "shared_memory") else None
    if block is not None:
        block.buf[:5] = b"hello"
        results["shared"] = bytes(block.buf[:5]).decode()
        block.close()
        block.unlink()
    return results
