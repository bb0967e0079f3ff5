"""Which of several trials is the best: the one rule."""


def place(score: float, number: int) -> tuple[float, int]:
    """A trial's sort key: the higher score first, of equal ones the lower number."""
    return -score, number
