"""Seeds derived by name, so that no two uses of randomness share one."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """The seed named by `parts`, in 0 .. 2**31 - 1.

    A hash, not arithmetic on the parts: (7, 12) and (8, 11) must not meet, and a purpose added later must not shift
    the others. 31 bits because NumPy, Keras and TensorFlow all take that range.
    """
    if not parts:
        raise ValueError("a seed needs at least one part, got none")
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of a trial: of its study's seed and its number, never of its attempt."""
    return derive_seed(study_seed, number, "trial")
