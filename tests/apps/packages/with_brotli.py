import brotli


def answer(name):
    packed = brotli.compress(name.encode() * 100, quality=5)
    try:
        brotli.decompress(b"no stream")
        caught = "nothing"
    except brotli.error as error:
        caught = type(error).__name__
    stream = brotli.Decompressor()
    return {"size": len(packed) < 50, "same": brotli.decompress(packed) == name.encode() * 100,
            "caught": caught, "stream": len(stream.process(packed)), "done": stream.is_finished()}
