"""Python's `random`, with a state of its own in each thread.

Keras draws the seeds of layers from `random`, and a user's network may draw from it too. In a worker other threads draw
from `random` at any moment; with one shared state, a draw of theirs would change a trial's seeds.
"""

import random
import threading
from typing import Any


class _OfEachThread(random.Random):
    """Delegates to a generator of the calling thread; the methods that Random derives from these follow."""

    def __init__(self) -> None:
        self._threads = threading.local()
        super().__init__()

    @property
    def _own(self) -> random.Random:
        if not hasattr(self._threads, "generator"):
            self._threads.generator = random.Random()
        own: random.Random = self._threads.generator
        return own

    def random(self) -> float:
        return self._own.random()

    def getrandbits(self, k: int, /) -> int:
        return self._own.getrandbits(k)

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return self._own.gauss(mu, sigma)

    def seed(self, a: Any = None, version: int = 2) -> None:
        self._own.seed(a, version)

    def getstate(self) -> tuple[Any, ...]:
        return self._own.getstate()

    def setstate(self, state: tuple[Any, ...]) -> None:
        self._own.setstate(state)


def give_each_thread_its_own() -> None:
    """Has the module's functions (`random.random`, `random.seed` and all others) work on the calling thread's state.

    Code that imported one of the functions by name before keeps the old shared state, from which only such code draws.
    """
    if isinstance(getattr(random, "_inst", None), _OfEachThread):
        return
    generator = _OfEachThread()
    for name in random.__all__:
        if name not in ("Random", "SystemRandom"):
            setattr(random, name, getattr(generator, name))
    random._inst = generator
