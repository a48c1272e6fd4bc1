"""The public keys that verify JSON web tokens, as a JSON Web Key Set has them (RFC 7517)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from jwt import PyJWK
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import PyJWTError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MOST_BYTES: Final = 64 * 1024
"""The largest set."""
_MOST_KEYS: Final = 64
# A shorter RSA key is weak (RFC 7518, section 3.3); a longer one takes more time than a handshake should.
_RSA_BITS: Final = range(2048, 4097)
# The one algorithm that a type of key is used with here, whatever a token says. Secrets (``oct``) are in no set.
_ALGORITHM_OF_TYPE: Final = {"RSA": "RS256", "EC": "ES256"}
_CURVE_OF_ES256: Final = "P-256"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key.

    Args:
        algorithm: The only one that it verifies.
        kid: Its name; None if it has none.
        key: As the ``cryptography`` package has it.
    """

    algorithm: str
    kid: str | None
    key: Any = field(repr=False)


class KeySet:
    """The keys of one issuer.

    Args:
        keys: Of two with the same name and algorithm the first counts.
    """

    def __init__(self, keys: Sequence[VerificationKey]) -> None:
        self.keys = tuple(keys)
        self._by_name = {(key.algorithm, key.kid): key for key in reversed(keys)}

    def find(self, algorithm: str, kid: str | None) -> VerificationKey | None:
        """Return the key for a token.

        Args:
            algorithm: The token's.
            kid: The name of the key in the token; for None, the only key for this algorithm.
        """
        if kid is not None:
            return self._by_name.get((algorithm, kid)) or self._by_name.get((algorithm, None))
        fitting = [key for key in self.keys if key.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def can_verify(algorithm: str) -> bool:
    """Tell whether the packages that are installed know an algorithm."""
    return algorithm in get_default_algorithms()


def parse_key_set(text: bytes, algorithms: Collection[str]) -> KeySet:
    """Parse a JSON Web Key Set; leave out the keys for other algorithms or other uses, and weak ones.

    Args:
        text: The set, as JSON.
        algorithms: Those that are wanted.

    Raises:
        ValueError: It is no set, too large, or no key of it is of use; with words for the operator.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES} bytes")
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError('is not JSON; a key set is {"keys": [...]}') from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError('is not a key set, {"keys": [...]}')  # noqa: TRY004 - it was parsed from text
    if len(entries) > _MOST_KEYS:
        raise ValueError(f"has more than {_MOST_KEYS} keys")
    keys = [key for key in map(_parse_key, entries) if key is not None and key.algorithm in algorithms]
    if not keys:
        wanted = " or ".join(sorted(algorithms))
        raise ValueError(
            f"has no public key for {wanted}, of {len(entries)}: RSA keys have 2048 to 4096 bits, elliptic ones are of "
            "the curve P-256, and private keys do not belong there"
        )
    return KeySet(keys)


def _parse_key(entry: object) -> VerificationKey | None:
    if not isinstance(entry, dict):
        return None
    algorithm = _ALGORITHM_OF_TYPE.get(str(entry.get("kty")))
    operations = entry.get("key_ops", ["verify"])
    is_for_it = (
        entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry
        and entry.get("crv", _CURVE_OF_ES256) == _CURVE_OF_ES256
    )
    kid = entry.get("kid")
    if algorithm is None or not is_for_it or not isinstance(kid, str | None):
        return None
    try:
        key: Any = PyJWK(entry, algorithm).key
    except (PyJWTError, ValueError, TypeError):  # its message holds the key
        return None
    if algorithm == "RS256" and key.key_size not in _RSA_BITS:
        return None
    return VerificationKey(algorithm, kid, key)
