"""Deferred annotations (PEP 649), template strings (PEP 750)."""

import annotationlib
import string.templatelib
import typing

CODE = """
class Later:
    child: Child
    number: int = 1

def function(a: Unknown, b: Child) -> Later: ...

class Child: ...
"""


def answer(name):
    names = {}
    exec(CODE, names)
    forward = annotationlib.Format.FORWARDREF
    template = eval("t'hello {name!r:>5} {1 + 1}'", {"name": name})
    return [
        {key: value.__name__ for key, value in typing.get_type_hints(names["Later"]).items()},
        type(annotationlib.get_annotations(names["function"], format=forward)["a"]).__name__,
        annotationlib.get_annotations(names["function"], format=annotationlib.Format.STRING),
        list(template.strings),
        [[each.value, each.expression, each.conversion, each.format_spec]
         for each in template.interpolations],
        isinstance(template, string.templatelib.Template),
        [type(each).__name__ for each in template],
        typing.Union[int, str] == int | str,
    ]
