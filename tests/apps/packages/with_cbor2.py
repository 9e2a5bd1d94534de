import datetime
import decimal
import uuid

import cbor2


class Point:
    def __init__(self, x):
        self.x = x


def encode(encoder, value):
    encoder.encode(cbor2.CBORTag(4000, [value.x]))


def decode(*arguments):
    [tag] = [value for value in arguments if isinstance(value, cbor2.CBORTag)]  # second; 6.0: first
    return Point(*tag.value) if tag.tag == 4000 else tag


def answer(name):
    value = {"name": name, "d": decimal.Decimal("1.5"), "u": uuid.UUID(int=7), "s": {1},
             "t": datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), "p": Point(3),
             "undefined": cbor2.undefined}
    packed = cbor2.dumps(value, default=encode)
    unpacked = cbor2.loads(packed, tag_hook=decode)
    try:
        cbor2.loads(b"\x83\x01")
        caught = "nothing"
    except cbor2.CBORDecodeEOF as error:
        caught = [type(error).__name__, isinstance(error, cbor2.CBORDecodeError)]
    return {"packed": packed.hex(), "kinds": sorted(type(v).__name__ for v in unpacked.values()),
            "point": isinstance(unpacked["p"], Point), "caught": caught,
            "decimal": unpacked["d"] == decimal.Decimal("1.5"),
            "undefined": unpacked["undefined"] is cbor2.undefined,
            "simple": isinstance(cbor2.loads(cbor2.dumps(cbor2.CBORSimpleValue(99))),
                                 cbor2.CBORSimpleValue)}
