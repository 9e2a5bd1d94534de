"""Applications that several tests serve, by their code."""

HELLO = """
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"hello"]
    """
#: Loads when the file `go` appears.
SLOW = """
    import os, time
    while not os.path.exists({go!r}):
        time.sleep(0.01)
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"slow"]
    """
