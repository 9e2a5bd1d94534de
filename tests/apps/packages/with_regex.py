import regex


def answer(name):
    pattern = regex.compile(r"(?P<word>\p{Lu}\p{Ll}+)(?:\s+(?P<word>\p{L}+))*", regex.V1)
    match = pattern.match("\u00c9t\u00e9 and winter")
    try:
        regex.compile("(")
        caught = "nothing"
    except regex.error as error:
        caught = [error.pos, error.msg]
    return {"words": match.captures("word"), "fuzzy": regex.search(f"(?:{name}){{e<=1}}", f"x{name[1:]}").fuzzy_counts,
            "caught": caught, "split": regex.split(r"(?V1)(?=\d)", "a1b2"),
            "replaced": regex.sub(r"\w+", lambda m: m.group().upper(), "one two"),
            "recursive": regex.match(r"\((?:[^()]|(?R))*\)", "(a(b)c)").group(),
            "kind": isinstance(match, regex.Match)}
