"""Keys, and tokens that are signed with them."""

from __future__ import annotations

import base64
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = b"a secret of thirty-two bytes or more"
PRIVATE = {
    "r1": rsa.generate_private_key(65537, 2048),
    "r2": rsa.generate_private_key(65537, 2048),
    "e1": ec.generate_private_key(ec.SECP256R1()),
}


def public_pem(kid):
    return PRIVATE[kid].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk_of(key, **fields):
    """Return a key as an entry of a set; None leaves a field out."""
    of_curve = isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey)
    kind = jwt.algorithms.ECAlgorithm if of_curve else jwt.algorithms.RSAAlgorithm
    return {name: value for name, value in {**json.loads(kind.to_jwk(key)), **fields}.items() if value is not None}


def entry(name, **fields):
    """Return the public key of this name as an entry of a set."""
    return jwk_of(PRIVATE[name].public_key(), **{"kid": name, **fields})


def key_set(*entries):
    """Return a set as it is published."""
    return json.dumps({"keys": list(entries)}).encode()


def claims(**changes):
    """Return claims that are accepted; None leaves one out, and times are in seconds from now."""
    accepted = {"sub": "alice", "aud": "turnstile", "iss": "https://issuer.example", "iat": 0, "exp": 600, **changes}
    times = {
        name: int(time.time()) + accepted[name] for name in ("iat", "nbf", "exp") if accepted.get(name) is not None
    }
    return {name: value for name, value in {**accepted, **times}.items() if value is not None}


def token(algorithm="RS256", key=None, *, kid="r1", headers=None, **changes):
    """Return a token that is accepted unless something is changed."""
    if algorithm == "HS256":
        key, kid = key or SECRET, None
    named = {"kid": kid} if kid else {}
    return jwt.encode(claims(**changes), key or PRIVATE[kid], algorithm, headers={**named, **(headers or {})})


def assembled(header, payload=None, signature=b""):
    """Return a token that no library would make."""
    contents = [json.dumps(header).encode(), json.dumps(claims() if payload is None else payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(content).rstrip(b"=").decode() for content in contents)
