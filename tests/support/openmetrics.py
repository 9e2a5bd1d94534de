"""A strict reader of OpenMetrics 1.0, written from its specification: what a lenient scraper forgives
is an error here."""

import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?Inf|NaN")
#: What the names of a family's samples end in, by its type.
SUFFIXES = {
    "counter": {"_total", "_created"}, "gauge": {""}, "unknown": {""}, "stateset": {""},
    "info": {"_info"}, "histogram": {"_bucket", "_count", "_sum", "_created"},
    "summary": {"", "_count", "_sum", "_created"},
}


class Sample:
    def __init__(self, name, labels, value):
        self.name, self.labels, self.value = name, labels, value

    @property
    def series(self):
        return self.name, tuple(sorted(self.labels.items()))

    @property
    def metric(self):
        """What a family's samples have in common, when they belong together."""
        return tuple(sorted((k, v) for k, v in self.labels.items() if k not in ("le", "quantile")))


class Family:
    def __init__(self, name):
        self.name, self.type, self.unit, self.help, self.samples = name, None, None, None, []


def _require(condition, message, *about):
    if not condition:
        raise ValueError(" ".join([message, *map(repr, about)]))


def _sample(line):
    name = NAME.match(line)
    _require(name, "no name", line)
    at, labels = name.end(), {}
    if line[at:at + 1] == "{":
        at += 1
        while line[at:at + 1] != "}":
            label = LABEL.match(line, at)
            _require(label, "a label is not well-formed", line)
            _require(label[1] not in labels, "a label stands twice", line)
            labels[label[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label[2])
            at = label.end()
            if line[at:at + 1] == ",":
                at += 1
                _require(line[at:at + 1] != "}", "a comma before the end", line)
            else:
                _require(line[at:at + 1] == "}", "no comma between labels", line)
        at += 1
    _require(line[at:at + 1] == " " and NUMBER.fullmatch(line, at + 1), "no value", line)
    return Sample(name[0], labels, float(line[at + 1:]))


def _add_description(family, key, value, line):
    key = key.lower()
    _require(not family.samples, "a description after samples", line)
    _require(getattr(family, key) is None, "described twice", line)
    _require(key != "type" or value in SUFFIXES, "no such type", line)
    _require(key != "unit" or family.name.endswith(f"_{value}"), "the unit does not end it", line)
    setattr(family, key, value)


def _check_histogram(samples, about):
    bounds = []
    values = {}
    for sample in samples:
        if sample.name.endswith("_bucket"):
            bound = sample.labels["le"]
            _require(bound == "+Inf" or str(float(bound)) == bound, "no canonical bound", bound)
            bounds.append((float(bound), sample.value))
        else:
            values[sample.name.rpartition("_")[2]] = sample.value
    _require(bounds == sorted(bounds) and len(dict(bounds)) == len(bounds),
             "bounds do not go up", *about)
    counts = [count for _, count in bounds]
    _require(counts == sorted(counts), "a bucket has less than the one below", *about)
    _require(bounds and bounds[-1][0] == math.inf, "no bucket +Inf", *about)
    _require(values.get("count") == counts[-1], "the count is not that of +Inf", *about)
    _require(values.get("sum", -1) >= 0, "no sum", *about)


def _check_sample(family, sample):
    about = (sample.name, sample.labels)
    suffix = sample.name[len(family.name):]
    is_bucket = family.type == "histogram" and suffix == "_bucket"
    is_quantile = family.type == "summary" and suffix == ""
    _require(("le" in sample.labels) == is_bucket, "le belongs to buckets", *about)
    _require(("quantile" in sample.labels) == is_quantile, "quantile belongs to summaries", *about)
    if is_quantile:
        _require(0 <= float(sample.labels["quantile"]) <= 1, "no quantile", *about)
    if suffix in ("_total", "_bucket", "_count"):
        _require(sample.value >= 0, "less than nothing", *about)
    if suffix in ("_bucket", "_count"):
        _require(sample.value == int(sample.value), "a part of an event", *about)
    if family.type == "stateset":
        _require(family.name in sample.labels and sample.value in (0, 1), "no state", *about)
    if family.type == "info":
        _require(sample.value == 1, "an info is 1", *about)


def _check_family(family):
    seen, metrics = set(), []
    for sample in family.samples:
        _check_sample(family, sample)
        _require(sample.series not in seen, "a series stands twice", sample.series)
        seen.add(sample.series)
        if family.type != "stateset" and (not metrics or metrics[-1] != sample.metric):
            metrics.append(sample.metric)
    if family.type in ("histogram", "summary"):
        _require(len(set(metrics)) == len(metrics), "samples of a metric are apart", family.name)
    if family.type == "histogram":
        for metric in metrics:
            _check_histogram([s for s in family.samples if s.metric == metric],
                             (family.name, metric))


def parse(text):
    """{name: Family} of an exposition. ValueError: it is not OpenMetrics."""
    _require(text.endswith("\n# EOF\n"), "no end")
    families, family, owners = {}, None, {}
    for line in text[:-len("# EOF\n")].splitlines():
        description = re.fullmatch(r"# (TYPE|UNIT|HELP) (\S+) (.*)", line)
        _require(description or not line.startswith("#"), "no description", line)
        if description:
            key, name, value = description.groups()
            if not family or family.name != name:
                _require(name not in families and NAME.fullmatch(name), "a family is apart", line)
                family = families[name] = Family(name)
            _add_description(family, key, value, line)
            continue
        sample = _sample(line)
        _require(family and family.type and sample.name.startswith(family.name) and
                 sample.name[len(family.name):] in SUFFIXES[family.type],
                 "a sample of another family", line)
        _require(owners.setdefault(sample.name, family) is family, "of two families", line)
        family.samples.append(sample)
    for each in families.values():
        _require(each.type and each.help, "not described", each.name)
        _check_family(each)
    return families
