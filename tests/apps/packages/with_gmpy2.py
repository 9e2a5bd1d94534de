import fractions

import gmpy2


def answer(name):
    with gmpy2.local_context(gmpy2.get_context(), precision=100) as context:
        root = str(gmpy2.sqrt(2))
        precision = context.precision
    with gmpy2.local_context(trap_divzero=True):
        try:
            gmpy2.mpfr(1) / 0
            caught = "nothing"
        except gmpy2.DivisionByZeroError as error:
            caught = [str(error), isinstance(error, ZeroDivisionError)]
    return {"power": str(gmpy2.powmod(3, 10 ** 30, 10 ** 9 + 7)), "root": root,
            "precision": precision, "caught": caught, "prime": gmpy2.is_prime(2 ** 61 - 1),
            "rational": str(gmpy2.mpq(fractions.Fraction(3, 9)) + len(name)),
            "kind": isinstance(gmpy2.mpz(3) + 1, type(gmpy2.mpz())), "complex": str(gmpy2.sqrt(gmpy2.mpc(-1)))}
