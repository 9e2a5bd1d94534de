import zmq


def answer(name):
    context = zmq.Context()
    try:
        with context.socket(zmq.PUSH) as sender, context.socket(zmq.PULL) as receiver:
            receiver.bind(f"inproc://{name}")
            sender.connect(f"inproc://{name}")
            sender.send_multipart([name.encode(), b"two"])
            poller = zmq.Poller()
            poller.register(receiver, zmq.POLLIN)
            ready = [event for _, event in poller.poll(5000)]
            got = receiver.recv_multipart()
            try:
                receiver.recv(zmq.DONTWAIT)
                caught = "nothing"
            except zmq.Again as error:
                caught = [error.errno == zmq.EAGAIN, isinstance(error, zmq.ZMQError)]
            sender.send_json({"a": name})
            document = receiver.recv_json()
        return {"got": [part.decode() for part in got], "ready": ready, "caught": caught,
                "json": document, "kind": isinstance(zmq.PUSH, zmq.SocketType)}
    finally:
        context.term()
