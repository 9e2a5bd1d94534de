import gevent
import gevent.event
import gevent.pool
import gevent.queue


def answer(name):
    queue = gevent.queue.Queue()

    def produce():
        for i in range(3):
            queue.put(f"{name} {i}")
            gevent.sleep(0)
        queue.put(StopIteration)
    gevent.spawn(produce)
    got = list(queue)
    failing = gevent.spawn(lambda: 1 / 0)
    failing.join()
    done = gevent.event.AsyncResult()
    gevent.spawn(done.set, name)
    try:
        with gevent.Timeout(0.01):
            gevent.event.Event().wait()
        timeout = "nothing"
    except gevent.Timeout:
        timeout = "timeout"
    return {"got": got, "failed": type(failing.exception).__name__, "done": done.get(), "timeout": timeout,
            "pool": gevent.pool.Pool(2).map(lambda x: x * x, range(4)),
            "thread": gevent.get_hub().threadpool.apply(len, (name,))}
