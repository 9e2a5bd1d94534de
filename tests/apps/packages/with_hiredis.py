import hiredis


class Failure(Exception):
    pass


def answer(name):
    reader = hiredis.Reader(protocolError=Failure, replyError=lambda text: LookupError(text),
                            encoding="utf-8")
    reader.feed(f"*3\r\n${len(name)}\r\n{name}\r\n:7\r\n$-1\r\n-ERR no\r\n+OK".encode())
    got = [reader.gets(), reader.gets(), reader.gets()]
    reader.feed(b"\r\n")
    try:
        plain = hiredis.Reader()
        plain.feed(b"x\r\n")
        plain.gets()
        caught = "nothing"
    except hiredis.ProtocolError as error:
        caught = [type(error).__name__, isinstance(error, hiredis.HiredisError)]
    other = hiredis.Reader()
    other.feed(b"-ERR x\r\n")
    reply = other.gets()
    return {"got": [got[0], type(got[1]).__name__, got[2]], "ok": reader.gets(), "caught": caught,
            "reply": [isinstance(reply, hiredis.ReplyError), str(reply)]}
