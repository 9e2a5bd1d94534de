import ssl


def answer(name):
    """A handshake in memory that the client must refuse, and what a context offers."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=f"{name}.example.org")
    try:
        client.do_handshake()
        waits = "nothing"
    except ssl.SSLWantReadError as error:
        waits = [type(error).__name__, isinstance(error, OSError)]
    hello = outgoing.read()
    incoming.write(b"this is no server")
    try:
        client.do_handshake()
        caught = "nothing"
    except ssl.SSLError as error:
        caught = [error.reason, isinstance(error.reason, str)]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain("/nonexistent")
        missing = "nothing"
    except FileNotFoundError as error:
        missing = error.errno
    return {"waits": waits, "caught": caught, "missing": missing, "hello": hello[:3].hex(),
            "names": f"{name}.example.org".encode() in hello,
            "verifies": context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname,
            "kind": isinstance(context.minimum_version, ssl.TLSVersion)}
