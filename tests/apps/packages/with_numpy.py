import pickle

import numpy


class Celsius(numpy.ndarray):
    """A subclass that survives slices and arithmetic."""


def answer(name):
    a = numpy.arange(12, dtype=numpy.float64).reshape(3, 4)
    with numpy.errstate(divide="raise"):
        try:
            numpy.array([1.0]) / 0
            caught = "nothing"
        except FloatingPointError as error:
            caught = str(error)
    try:
        numpy.linalg.inv(numpy.zeros((2, 2)))
        singular = "nothing"
    except numpy.linalg.LinAlgError as error:
        singular = str(error)
    warm = a.view(Celsius)[1:] + 1
    record = numpy.array([(name, 3)], dtype=[("name", "U10"), ("n", "i4")])
    return {
        "product": (a @ a.T).tolist(), "sum": float(a.sum()), "caught": caught,
        "singular": singular, "subclass": [type(warm).__name__, isinstance(warm[0], Celsius)],
        "pickled": pickle.loads(pickle.dumps(a)).tolist() == a.tolist(),
        "random": numpy.random.default_rng(7).integers(0, 100, 5).tolist(),
        "record": [str(record["name"][0]), repr(record.dtype)],
        "each": numpy.vectorize(lambda x: x * 2)(a)[2].tolist(),
        "scalar": [isinstance(a[0, 0], numpy.floating), numpy.isnan(numpy.nan).item()],
    }
