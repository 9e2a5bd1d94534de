import datetime
import decimal
import uuid

import rapidjson


class Encoder(rapidjson.Encoder):
    def default(self, value):
        return sorted(value)


class Decoder(rapidjson.Decoder):
    def end_object(self, mapping):
        return list(mapping.items())


def answer(name):
    try:
        rapidjson.loads("[1,")
        caught = "nothing"
    except rapidjson.JSONDecodeError as error:
        caught = [str(error), isinstance(error, ValueError)]
    validator = rapidjson.Validator('{"type": "array", "minItems": 2}')
    try:
        validator("[1]")
        invalid = "nothing"
    except rapidjson.ValidationError as error:
        invalid = list(error.args)
    text = rapidjson.dumps([uuid.UUID(int=7), datetime.date(2024, 2, 29), decimal.Decimal("1.5")],
                           uuid_mode=rapidjson.UM_CANONICAL, datetime_mode=rapidjson.DM_ISO8601,
                           number_mode=rapidjson.NM_DECIMAL)
    read = rapidjson.loads(text, uuid_mode=rapidjson.UM_CANONICAL, datetime_mode=rapidjson.DM_ISO8601,
                           number_mode=rapidjson.NM_DECIMAL)
    return {"caught": caught, "invalid": invalid, "text": text, "kinds": [type(x).__name__ for x in read],
            "same": [isinstance(read[2], decimal.Decimal), isinstance(read[0], uuid.UUID)],
            "own": Encoder()({name, "a"}), "pairs": Decoder()('{"b": 1}')}
