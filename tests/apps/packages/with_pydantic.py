import datetime
import decimal
import typing

import pydantic


class Item(pydantic.BaseModel):
    name: str
    price: decimal.Decimal = pydantic.Field(gt=0)
    day: datetime.date = datetime.date(2024, 2, 29)
    tags: typing.List[str] = []

    @pydantic.validator("name")
    def is_short(cls, value):
        if len(value) > 8:
            raise ValueError("too long")
        return value.title()


class Order(pydantic.BaseModel):
    items: typing.List[Item]


def answer(name):
    order = Order.parse_obj({"items": [{"name": name, "price": "1.50", "tags": ("a",)}]})
    try:
        Order.parse_obj({"items": [{"name": "much too long", "price": -1, "day": "x"}]})
        caught = "nothing"
    except pydantic.ValidationError as error:
        caught = [[list(e["loc"]), e["type"]] for e in error.errors()]
    return {"json": order.json(), "caught": caught, "kind": isinstance(order.items[0], Item),
            "schema": sorted(Item.schema()["properties"]),
            "copied": str(order.items[0].copy(update={"price": decimal.Decimal(2)}).price)}
