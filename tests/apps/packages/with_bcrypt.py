import bcrypt


def answer(name):
    salt = b"$2b$04$" + b"a" * 21 + b"e"
    try:
        bcrypt.hashpw(b"x", b"no salt")
        caught = "nothing"
    except ValueError as error:
        caught = str(error)
    hashed = bcrypt.hashpw(name.encode(), salt)
    return {"hashed": hashed.decode(), "right": bcrypt.checkpw(name.encode(), hashed),
            "wrong": bcrypt.checkpw(b"other", hashed), "caught": caught,
            "derived": bcrypt.kdf(b"password", b"salt", 16, 10, ignore_few_rounds=True).hex()}
