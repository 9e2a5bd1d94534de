import markupsafe
from markupsafe import Markup, escape


class Link:
    def __html__(self):
        return "<a>link</a>"


def answer(name):
    escaped = escape(f"<{name}>")
    return {"escaped": escaped, "kind": isinstance(escaped, Markup), "type": type(escaped).__name__,
            "same": escape(escaped) is escaped, "own": escape(Link()),
            "added": Markup("<b>") + "<i>", "of": Markup("%s") % "<i>",
            "joined": [isinstance(Markup(",").join(["<", escaped]), Markup), escaped.unescape()],
            "silent": markupsafe.escape_silent(None), "soft": isinstance(markupsafe.soft_str(escaped), Markup)}
