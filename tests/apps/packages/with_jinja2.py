import jinja2
from markupsafe import Markup

TEMPLATES = {
    "base": "<title>{% block title %}{% endblock %}</title>{{ body }}",
    "page": "{% extends 'base' %}{% block title %}{{ name|shout }}{% endblock %}",
    "macro": "{% macro li(x) %}<li>{{ x }}</li>{% endmacro %}{% for x in items %}{{ li(x) }}{% endfor %}",
    "broken": "{% if %}",
}


def answer(name):
    environment = jinja2.Environment(loader=jinja2.DictLoader(TEMPLATES), autoescape=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters["shout"] = lambda text: Markup("<b>") + text.upper() + Markup("</b>")
    caught = []
    for template, values in (("broken", {}), ("nowhere", {}), ("page", {"name": name})):
        try:
            environment.get_template(template).render(values)
        except jinja2.TemplateError as error:
            caught.append([type(error).__name__, getattr(error, "lineno", None)])
    return {"page": environment.get_template("page").render(name=f"<{name}>", body="<i>"),
            "list": environment.get_template("macro").render(items=["<", Markup("<i>")]),
            "caught": caught}
