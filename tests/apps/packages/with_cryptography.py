from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def answer(name):
    text = name.encode()
    box = Fernet(b"0" * 43 + b"=")
    try:
        box.decrypt(b"no token")
        token = "something"
    except InvalidToken:
        token = "invalid"
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    try:
        key.public_key().verify(bytes(64), text)
        signature = "valid"
    except InvalidSignature:
        signature = "invalid"
    digest = hashes.Hash(hashes.SHA256())
    digest.update(text)
    curve = ec.derive_private_key(12345, ec.SECP256R1())
    pem = curve.public_key().public_bytes(serialization.Encoding.PEM,
                                          serialization.PublicFormat.SubjectPublicKeyInfo)
    loaded = serialization.load_pem_public_key(pem)
    return {"plain": box.decrypt(box.encrypt(text)).decode(), "token": token,
            "signature": signature, "signed": key.sign(text).hex(),
            "digest": digest.finalize().hex(),
            "sealed": AESGCM(bytes(16)).encrypt(bytes(12), text, None).hex(), "pem": pem.decode(),
            "kind": isinstance(loaded, ec.EllipticCurvePublicKey),
            "padding": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None).name,
            "size": rsa.RSAPublicNumbers(65537, 2 ** 1023 + 1).public_key().key_size}
