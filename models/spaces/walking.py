"""Grid: every cell of the space that a function defines as it runs, each once.

The walk is depth first over the places of values. A call that asks for more than the path has takes the first place of
each new request. The next call goes one place further at the last request that has a further one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from models.core.errors import ConfigError
from models.core.parameters import Scalar
from models.spaces.answers import Recorder
from models.spaces.calling import ask
from models.spaces.domains import Domain
from models.spaces.drawing import Drawn
from models.spaces.functions import UserFunction

_SAME = "a function must ask for the same when it is answered the same, got a request for {}"


@dataclass
class _Path:
    """The place of each request's value, in the order of the requests."""

    most: int
    places: list[int] = field(default_factory=list)
    asked: list[tuple[str, Domain]] = field(default_factory=list)
    """The requests of the current call, so far."""
    before: list[tuple[str, Domain]] = field(default_factory=list)
    """The requests that the current call must repeat, because their answers are those of the call before."""
    refused: str = ""
    """The reason why there is no grid; empty while there is one."""

    def choose(self, name: str, domain: Domain) -> Scalar:
        here = len(self.asked)
        if here < len(self.before) and self.before[here] != (name, domain):
            asked, of = self.before[here]
            self._refuse(_SAME.format(f"{name!r}, {domain}, where it was {asked!r}, {of}"))
        if domain.count is None:
            self._refuse(f"a grid needs choices or a step for every range, got {name!r}, {domain}")
        elif domain.count > self.most:
            self._refuse(f"a grid may have {self.most:,} cells, got {domain.count:,} values of {name!r} alone")
        self.asked.append((name, domain))
        if here == len(self.places):
            self.places.append(0)
        return domain.at(self.places[here])

    def _refuse(self, why: str) -> None:
        self.refused = why
        raise ConfigError(why)

    def go_on(self) -> bool:
        """Turns to the next cell; returns False after the last."""
        del self.places[len(self.asked) :]
        while self.places and self.places[-1] + 1 == self.asked[len(self.places) - 1][1].count:
            self.places.pop()
        if not self.places:
            return False
        self.places[-1] += 1
        self.before = self.asked[: len(self.places)]
        self.asked = []
        return True


def walk(function: Callable[[], UserFunction], most: int, seconds: float | None = None) -> Iterator[Drawn]:
    """The cells of the grid, depth first; `function` gives the user's function for each of them.

    A call that fails gives a cell with its problem.

    Raises:
        ConfigError: a range has no step, there are more than `most` cells, or the function asks for something else
            after the same answers.
    """
    path, known = _Path(most), dict[str, Domain]()
    for cells in range(most + 1):
        if cells == most:
            raise ConfigError(f"a grid may have {most:,} cells, got more from {function().name}")
        recorder = Recorder(path.choose, known)
        problem = ask(function(), recorder, cells, seconds)
        if len(path.asked) < len(path.before):
            path.refused = path.refused or _SAME.format(f"less than {path.before[len(path.asked)][0]!r}")
        if path.refused:
            raise ConfigError(problem.message if problem else path.refused)
        yield Drawn(recorder.parameters, recorder.domains, problem)
        if not path.go_on():
            return
