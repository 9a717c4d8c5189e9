"""What is deposited in one world: files, the graphs of their steps, and the temper of each step."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from ingest.model import Facts, Step, StepInput, StepOutput, Surroundings

Work = Callable[[str, StepInput, Surroundings], StepOutput]

GRAPHS: dict[str, tuple[tuple[str, tuple[str, ...], tuple[str, ...], bool], ...]] = {
    # name: (step, after, needs, essential)
    "bare": (),
    "chain": (("a", (), (), True), ("b", ("a",), ("made-a",), False)),
    "fork": (("a", (), (), True), ("b", ("a",), (), False), ("c", ("a",), ("made-a",), True)),
    "diamond": (("a", (), (), True), ("b", ("a",), (), True), ("c", ("a",), (), False), ("d", ("b", "c"), (), False)),
}
TEMPERS = ("fine",) * 36 + ("flaky",) * 9 + ("broken",) * 3 + ("refused",) * 4 + ("deadly",)


@dataclass(frozen=True)
class Given:
    """A file that a person deposits, and the temper of each of its steps."""

    name: str
    resource: int
    role: str
    graph: str
    tempers: dict[str, str]

    def expected(self) -> dict[str, str]:
        """The state that each job must end in, whatever happens on the way."""
        states = {"identify": _end_of(self.tempers["identify"])}
        if states["identify"] != "done":
            return states
        for name, after, _, _ in GRAPHS[self.graph]:
            lost = any(states[one] != "done" for one in after)
            states[name] = "cancelled" if lost else _end_of(self.tempers[name])
        return states


def _end_of(temper: str) -> str:
    return "done" if temper in ("fine", "flaky") else "failed"


def drawn_files(rng: random.Random) -> list[Given]:
    """One to three files over one or two resources."""
    files = []
    for number in range(rng.choice((1, 1, 1, 1, 2, 3))):
        graph = rng.choice(sorted(GRAPHS))
        tempers = {name: rng.choice(TEMPERS) for name in ("identify", "a", "b", "c", "d")}
        role = "captions" if number == 1 and rng.random() < 0.5 else "source"
        files.append(Given(f"file-{number}.bin", number // 2, role, graph, tempers))
    return files


class SimPipeline:
    """Steps that sleep, report, fail and kill as the files' tempers say; what they make names the claim it is from."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._steps = {
            graph: tuple(
                Step(name, 1, self._run(name), after=after, needs=needs, essential=essential, heavy=name == "b")
                for name, after, needs, essential in steps
            )
            for graph, steps in GRAPHS.items()
        }
        self._first = Step("identify", 1, self._run("identify"))

    def first_step(self) -> Step:
        """Finds the graph."""
        return self._first

    def next_steps(self, role: str, identified: Facts, /) -> tuple[Step, ...]:
        """What it found."""
        return self._steps[identified["graph"]]

    def _run(self, step: str) -> Callable[[StepInput, Surroundings], StepOutput]:
        return lambda given, around: self._work(step, given, around)
