#!/usr/bin/python3
"""plot.py latency|reload FILE.json PICTURE: draw what speed.py or timeline.py has written.

latency  for each scenario, the time that a part of the requests did not exceed; the axis of
         that part is logarithmic towards 100 %, where hosts differ
reload   answers of the old and of the new code, and the slowest one, around the save

PICTURE ends in .png or .svg.  --only names scenarios or peers.
"""

import argparse
import json

import matplotlib

matplotlib.use("Agg")  # draws into files: no display is needed
from matplotlib import pyplot, ticker  # noqa: E402

COLOURS = {"fcgi_host": "tab:blue", "fcgi_host_own_gil": "tab:blue",
           "uwsgi": "tab:orange", "uwsgi_protocol": "tab:orange",
           "mod_wsgi": "tab:green"}
LINES = {"t1": ":", "t4": "-", "t16": "--"}
PARTS = {1: "0 %", 2: "50 %", 10: "90 %", 100: "99 %", 1000: "99.9 %", 10000: "99.99 %",
         100000: "99.999 %"}
COLUMNS = 2  # of scenarios in a picture


def _style(name):
    peer, _, count = name.partition(" x ")  # of workers or interpreters
    family, _, threads = peer.rpartition("-")
    line = LINES.get("t1" if count == "1" else threads, "-.")
    return {"color": COLOURS.get(family, "tab:gray"), "linestyle": line}


def _curve(buckets):
    """(1 / (1 - part), time): both axes are logarithmic then."""
    total = sum(count for _, count in buckets)
    slower, xs, ys = total, [1.0], [buckets[0][0]]
    for upper, count in buckets:
        xs.append(total / slower)
        ys.append(upper)
        slower -= count
        if slower:
            xs.append(total / slower)
            ys.append(upper)
    return xs, ys


def _draw_latency(axes, scenario):
    most = 1.0
    for name, result in scenario["peers"].items():
        if result.get("buckets_us"):
            xs, ys = _curve(result["buckets_us"])
            axes.plot(xs, ys, label=name, linewidth=1.4, **_style(name))
            most = max(most, xs[-1])
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [at for at in PARTS if at <= most]
    axes.xaxis.set_major_locator(ticker.FixedLocator(ticks))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xticklabels([PARTS[at] for at in ticks])
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(_time))
    axes.set_title(scenario["title"])
    axes.set_xlabel("requests")
    axes.set_ylabel("time up to")
    axes.grid(True, which="major", alpha=0.4)
    axes.legend(fontsize="small")


def _time(us, _position=None):
    return f"{us:g} µs" if us < 1e3 else f"{us / 1e3:g} ms" if us < 1e6 else f"{us / 1e6:g} s"


def latency(data, only):
    scenarios = [scenario for name, scenario in data["scenarios"].items()
                 if (not only or name in only)
                 and any(peer.get("buckets_us") for peer in scenario["peers"].values())]
    if not scenarios:
        raise SystemExit("plot.py: no scenario with times in it")
    columns = min(COLUMNS, len(scenarios))
    rows = -(-len(scenarios) // columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=(6.5 * columns, 4.2 * rows),
                                   squeeze=False)
    for axes in grid.flat[len(scenarios):]:
        axes.remove()
    for axes, scenario in zip(grid.flat, scenarios):
        _draw_latency(axes, scenario)
    return figure


def _draw_reload(rate, slowest, name, result, interval_ms):
    at = [(what[0] + interval_ms / 2) / 1e3 for what in result["intervals"]]
    old, new, failed = ([what[i] * 1e3 / interval_ms for what in result["intervals"]]
                        for i in (1, 2, 3))
    rate.stackplot(at, old, new, failed, labels=["old code", "new code", "failed"],
                   colors=["tab:gray", "tab:blue", "tab:red"], step="mid", linewidth=0)
    rate.set_title(name)
    # Nothing was answered in an interval without a slowest answer: no point there.
    slow = [what[4] or None for what in result["intervals"]]
    slowest.plot(at, [us if us else float("nan") for us in slow], ".", color="tab:blue",
                 markersize=3)
    slowest.set_yscale("log")
    slowest.yaxis.set_major_formatter(ticker.FuncFormatter(_time))
    slowest.set_xlabel("s from the save")
    for axes in (rate, slowest):
        axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
        axes.grid(True, alpha=0.4)


def reload(data, only):
    shown = {name: result for name, result in data["peers"].items() if not only or name in only}
    if not shown:
        raise SystemExit("plot.py: no such peer")
    figure, grid = pyplot.subplots(2, len(shown), figsize=(5 * len(shown), 6), squeeze=False,
                                   sharex="all", sharey="row")
    for column, (name, result) in enumerate(shown.items()):
        _draw_reload(grid[0][column], grid[1][column], name, result, data["interval_ms"])
    grid[0][0].set_ylabel("answers per second")
    grid[1][0].set_ylabel(f"slowest answer in {data['interval_ms']} ms")
    grid[0][-1].legend(loc="lower right", fontsize="small")
    figure.suptitle(f"A file of a {data['app']} application is saved while "
                    f"{data['connections']} connections ask")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=("latency", "reload"))
    parser.add_argument("file")
    parser.add_argument("picture")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    arguments = parser.parse_args()
    with open(arguments.file, encoding="utf-8") as f:
        data = json.load(f)
    draw = {"latency": latency, "reload": reload}[arguments.kind]
    figure = draw(data, arguments.only)
    figure.tight_layout()
    figure.savefig(arguments.picture, dpi=120)


if __name__ == "__main__":
    main()
