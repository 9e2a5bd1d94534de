import nacl.exceptions
import nacl.pwhash
import nacl.public
import nacl.secret
import nacl.signing


def answer(name):
    key = nacl.signing.SigningKey(bytes(32))
    box = nacl.secret.SecretBox(bytes(32))
    sealed = box.encrypt(name.encode(), bytes(24))
    caught = []
    for attempt in (lambda: box.decrypt(b"\0" * 60), lambda: key.verify_key.verify(bytes(64), b"x")):
        try:
            attempt()
        except nacl.exceptions.CryptoError as error:
            caught.append(type(error).__name__)
    secret = nacl.public.PrivateKey(bytes(range(32)))
    return {"signed": key.sign(name.encode()).signature.hex(), "sealed": sealed.hex(),
            "opened": box.decrypt(sealed).decode(), "caught": caught,
            "public": bytes(secret.public_key).hex(),
            "checked": nacl.pwhash.verify(nacl.pwhash.str(b"x", 1, 8192), b"x")}
