import yaml


class Colour:
    def __init__(self, name):
        self.name = name


def construct(loader, node):
    return Colour(loader.construct_scalar(node))


yaml.add_constructor("!colour", construct, yaml.CSafeLoader)
yaml.add_representer(Colour, lambda dumper, value: dumper.represent_scalar("!colour", value.name),
                     yaml.CSafeDumper)


def answer(name):
    document = yaml.load(f"paint: !colour {name}\ndates: [2024-02-29, &a x, *a]\n", yaml.CSafeLoader)
    try:
        yaml.load("a: [", yaml.CSafeLoader)
        caught = "nothing"
    except yaml.YAMLError as error:
        caught = [type(error).__name__, error.problem_mark.line]
    return {"paint": document["paint"].name, "kind": isinstance(document["paint"], Colour),
            "dates": list(map(str, document["dates"])), "caught": caught, "fast": yaml.__with_libyaml__,
            "written": yaml.dump({"paint": Colour(name), "b": [1, None]}, Dumper=yaml.CSafeDumper)}
