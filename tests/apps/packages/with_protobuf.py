from google.protobuf import (descriptor_pb2, descriptor_pool, json_format, message, message_factory,
                             struct_pb2, timestamp_pb2)


def make_class():
    file = descriptor_pb2.FileDescriptorProto(name="goods.proto", package="goods", syntax="proto3")
    kind = file.message_type.add(name="Item")
    for number, (field, type_) in enumerate((("name", "STRING"), ("price", "DOUBLE"),
                                             ("parts", "STRING")), 1):
        kind.field.add(name=field, number=number, json_name=field,
                       type=getattr(descriptor_pb2.FieldDescriptorProto, "TYPE_" + type_),
                       label=3 if field == "parts" else 1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("goods.Item"))


Item = make_class()


def answer(name):
    item = Item(name=name, price=1.5, parts=["a", "b"])
    again = Item.FromString(item.SerializeToString())
    try:
        Item.FromString(b"\xff\xff\xff")
        caught = "nothing"
    except message.DecodeError as error:
        caught = type(error).__name__
    try:
        item.price = "expensive"
        typed = "nothing"
    except TypeError as error:
        typed = type(error).__name__
    struct = struct_pb2.Struct()
    struct.update({"a": [1, {"b": name}], "c": None})
    when = timestamp_pb2.Timestamp()
    when.FromJsonString("2024-02-29T12:00:00Z")
    return {"same": again == item, "parts": list(again.parts), "json": json_format.MessageToDict(again),
            "kind": isinstance(again, message.Message), "caught": caught, "typed": typed,
            "struct": json_format.MessageToDict(struct), "when": when.ToDatetime().isoformat()}
