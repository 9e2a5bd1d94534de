import datetime

import msgpack


def pack(value):
    if isinstance(value, datetime.date):
        return msgpack.ExtType(5, value.isoformat().encode())
    raise TypeError(value)


def unpack(code, data):
    return datetime.date.fromisoformat(data.decode()) if code == 5 else msgpack.ExtType(code, data)


def answer(name):
    packed = msgpack.packb({"name": name, "day": datetime.date(2024, 2, 29), "n": [1, 2.5, None]},
                           default=pack)
    unpacked = msgpack.unpackb(packed, ext_hook=unpack)
    caught = []
    for data in (b"\x93\x01", b"\xc1"):
        try:
            msgpack.unpackb(data)
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            caught.append(type(error).__name__)
    stream = msgpack.Unpacker()
    stream.feed(msgpack.packb(1) + msgpack.packb([name]))
    stamp = msgpack.unpackb(msgpack.packb(msgpack.Timestamp(7)), timestamp=3)
    return {"packed": packed.hex(), "day": unpacked["day"].isoformat(), "caught": caught,
            "stream": list(stream), "stamp": stamp.isoformat(), "fast": msgpack.Packer.__module__}
