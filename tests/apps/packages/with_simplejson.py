import collections
import decimal

import simplejson
from simplejson import JSONDecodeError, RawJSON


class Point(collections.namedtuple("Point", "x y")):
    pass


class Custom:
    def for_json(self):
        return ["custom"]


def answer(name):
    try:
        simplejson.loads("{bad")
        caught = "nothing"
    except JSONDecodeError as error:
        caught = [error.pos, str(error)]
    try:
        simplejson.dumps(object())
        typed = "nothing"
    except TypeError as error:
        typed = str(error).split()[-1]
    return {"caught": caught, "typed": typed, "raw": simplejson.dumps({"a": RawJSON("[1, 2]")}),
            "decimal": simplejson.dumps(decimal.Decimal("1.10")),
            "tuple": simplejson.dumps(Point(1, name)), "custom": simplejson.dumps(Custom(), for_json=True),
            "read": str(simplejson.loads("1.10", use_decimal=True)),
            "pairs": simplejson.loads('{"b": 1, "a": 2}', object_pairs_hook=list),
            "default": simplejson.dumps({1j}, default=lambda value: sorted(map(str, value)))}
