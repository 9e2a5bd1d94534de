import numpy
import scipy.integrate
import scipy.optimize
import scipy.sparse
import scipy.stats


def answer(name):
    area, _ = scipy.integrate.quad(lambda x: x ** 2, 0, 3)
    root = scipy.optimize.brentq(lambda x: x ** 3 - 2, 0, 2)
    least = scipy.optimize.minimize(lambda x: (x[0] - 1) ** 2 + (x[1] + 2) ** 2, [0, 0])
    sparse = scipy.sparse.csr_matrix(numpy.eye(4)) * 3
    try:
        scipy.optimize.brentq(lambda x: 1 / len(name) + x ** 2, 0, 2)
        caught = "nothing"
    except ValueError as error:
        caught = str(error)
    return {"area": round(area, 9), "root": round(root, 9), "sum": float(sparse.sum()),
            "least": [round(float(x), 4) for x in least.x], "caught": caught,
            "normal": round(float(scipy.stats.norm.cdf(1.96)), 6)}
