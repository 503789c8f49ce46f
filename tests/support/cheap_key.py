"""Keys of restic repositories that cost next to nothing to open.

Restic makes a key that takes 0.2 CPU seconds to open, which each of its processes pays again: most
of the CPU time of tests that run many workers. The master key, and so every byte of data, stays.
"""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

NONCE = 16
MAC = 16


def make_keys_cheap(repository: Path, password: str) -> None:
    """Replace each key of a restic repository by one whose scrypt has the least cost.

    The format is that of restic's design document ("Keys, Encryption and MAC"): scrypt gives the
    keys of AES-256-CTR and of Poly1305-AES, with which the master key is encrypted and signed.

    Args:
        repository: A repository in a folder that nobody writes to meanwhile.
        password: What opens all of its keys.
    """
    for path in (repository / "keys").iterdir():
        key = json.loads(path.read_bytes())
        master = _opened(b64decode(key["data"]), _derived(key, password))
        cheap = {**key, "N": 2, "r": 1, "p": 1}
        cheap["data"] = b64encode(_sealed(master, _derived(cheap, password))).decode()
        text = json.dumps(cheap).encode()
        (path.parent / hashlib.sha256(text).hexdigest()).write_bytes(text)
        path.unlink()


def _derived(key: dict[str, str | int], password: str) -> bytes:
    cost = {"n": int(key["N"]), "r": int(key["r"]), "p": int(key["p"])}
    salt = b64decode(str(key["salt"]))
    return hashlib.scrypt(password.encode(), salt=salt, **cost, maxmem=1 << 28, dklen=64)


def _opened(sealed: bytes, keys: bytes) -> bytes:
    nonce, data, mac = sealed[:NONCE], sealed[NONCE:-MAC], sealed[-MAC:]
    Poly1305.verify_tag(_one_time_key(nonce, keys), data, mac)
    return _crypted(data, nonce, keys)


def _sealed(data: bytes, keys: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    data = _crypted(data, nonce, keys)
    return nonce + data + Poly1305.generate_tag(_one_time_key(nonce, keys), data)


def _crypted(data: bytes, nonce: bytes, keys: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(keys[:32]), modes.CTR(nonce)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _one_time_key(nonce: bytes, keys: bytes) -> bytes:
    signer = Cipher(algorithms.AES(keys[32:48]), modes.ECB()).encryptor()
    return keys[48:64] + signer.update(nonce) + signer.finalize()
