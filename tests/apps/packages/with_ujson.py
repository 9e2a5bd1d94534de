import decimal

import ujson


class Custom:
    def __json__(self):
        return '{"custom": true}'


def answer(name):
    try:
        ujson.loads("[1,")
        caught = "nothing"
    except ujson.JSONDecodeError as error:
        caught = [str(error), isinstance(error, ValueError)]
    return {"caught": caught, "text": ujson.dumps({"name": name, "a": [1.5, None, "\u20ac"]}),
            "custom": ujson.dumps([Custom()]), "read": ujson.loads('{"a": [1, 2e3]}'),
            "decimal": ujson.dumps(decimal.Decimal("1.5")),
            "default": ujson.dumps(1j, default=lambda value: name)}
