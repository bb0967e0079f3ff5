"""Draws from Python's `random` in one thread never change those in another."""

import subprocess
import sys

from tests.project import PROJECT

SCRIPT = """
import random, threading
from random import Random
from models.core.thread_random import give_each_thread_its_own

give_each_thread_its_own()
give_each_thread_its_own()
stop = threading.Event()

def disturb():
    random.seed(5)
    while not stop.is_set():
        random.random(), random.randint(0, 9), random.gauss(0, 1)

threads = [threading.Thread(target=disturb) for _ in range(3)]
for thread in threads: thread.start()
alone = Random(7)
def drawn(from_):
    listed = list(range(9))
    from_.shuffle(listed)
    return [from_.random(), from_.randint(1, 10**9), from_.choice("abc"), from_.gauss(0, 1), from_.uniform(1, 2),
            from_.sample(range(99), 5), from_.getrandbits(70), from_.randbytes(3), from_.normalvariate(0, 1), listed]
random.seed(7)
for _ in range(3000):
    assert drawn(random) == drawn(alone)
state = random.getstate()
assert state == alone.getstate()
first = random.random()
random.setstate(state)
assert random.random() == first
stop.set()
print("same")
"""


def test_a_seeded_thread_draws_what_it_would_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=PROJECT, capture_output=True, text=True)
    assert ran.stdout == "same\n", ran.stderr
