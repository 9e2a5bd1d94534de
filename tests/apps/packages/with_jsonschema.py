import attr
import jsonschema
import pyrsistent


@attr.s(frozen=True, slots=True)
class Frozen:
    name = attr.ib(validator=attr.validators.instance_of(str))


def answer(name):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    errors = sorted(jsonschema.Draft7Validator(schema).iter_errors({"n": -1}), key=str)
    try:
        jsonschema.validate({}, schema)
        caught = "nothing"
    except jsonschema.ValidationError as error:
        caught = error.message
    try:
        Frozen(3)
        typed = "nothing"
    except TypeError as error:
        typed = type(error).__name__
    vector = pyrsistent.pvector([1, 2, 3]).set(1, name)
    return {"errors": [[e.message, list(e.path)] for e in errors], "caught": caught, "typed": typed,
            "frozen": Frozen(name) == Frozen(name), "vector": list(vector.append(4)),
            "map": dict(pyrsistent.pmap({"a": 1}).set("b", name)), "kind": isinstance(vector, pyrsistent.PVector)}
