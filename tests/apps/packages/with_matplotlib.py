import io

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402


def answer(name):
    figure, axes = pyplot.subplots(figsize=(2, 1))
    try:
        line, = axes.plot([1, 2, 3], [1, 4, 2], label=name)
        axes.legend()
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        figure.canvas.draw()
        pixel = list(figure.canvas.buffer_rgba().tobytes()[:4])
    finally:
        pyplot.close(figure)
    try:
        to_hex("no such colour")
        caught = "nothing"
    except ValueError as error:
        caught = str(error)
    return {"png": picture.getvalue()[:8].hex(), "pixel": pixel, "colour": to_hex(line.get_color()),
            "limits": [round(float(x), 6) for x in axes.get_xlim()], "caught": caught,
            "figures": len(pyplot.get_fignums())}
