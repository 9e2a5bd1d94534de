"""Interpreters that an application makes (PEP 734)."""

import concurrent.futures
import concurrent.interpreters


def square(number):
    return number * number


def answer(name):
    interpreter = concurrent.interpreters.create()
    queue = concurrent.interpreters.create_queue()
    interpreter.prepare_main(queue=queue, name=name)
    interpreter.exec("queue.put((name, 1 + 1))")
    got = list(queue.get())
    called = interpreter.call(square, 3)
    try:
        interpreter.exec("1 / 0")
    except concurrent.interpreters.ExecutionFailed as error:
        failed = str(error.excinfo.type.__name__)
    interpreter.close()
    with concurrent.futures.InterpreterPoolExecutor(2) as executor:
        squares = list(executor.map(square, range(4)))
    return [got, called, failed, squares]
