"""A pipeline whose step goes on only when a file says so, and a worker of it as a process."""

import sys
import time
from pathlib import Path

from ingest.model import Facts, Product, Step, StepInput, StepOutput, Surroundings
from repo_service import wiring, worker
from repo_service.settings import Settings


class Waiting:
    """identify, then one step that waits for a file to be there before it makes its product."""

    def __init__(self, go: Path) -> None:
        self._go = go

    def first_step(self) -> Step:
        """Knows what it is at once."""
        return Step("identify", 1, lambda given, around: StepOutput({"media_kind": "document"}))

    def next_steps(self, role: str, identified: Facts, /) -> tuple[Step, ...]:
        """The step that waits."""
        return (Step("make", 1, self._make),)

    def _make(self, given: StepInput, around: Surroundings) -> StepOutput:
        while not self._go.exists():
            around.report(0.5)
            time.sleep(0.02)
        made = around.scratch / "made.txt"
        made.write_bytes(b"made of " + given.source.read_bytes())
        return StepOutput({}, (Product("text", "made.txt", made, "text/plain"),))


if __name__ == "__main__":
    ctx = wiring.build(Settings(), index_writer=True)
    worker.run(ctx, concurrency=1, pipeline=Waiting(Path(sys.argv[1])))
    ctx.close()
