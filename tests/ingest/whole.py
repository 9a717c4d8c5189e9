"""A given file through its whole pipeline, as the worker takes it, without database or store."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ingest import pipeline
from ingest.errors import IngestError
from ingest.model import Facts, Passage, Product, Step, StepInput, StepOutput, Surroundings
from ingest.sandbox import Sandbox


@dataclass
class Outcome:
    """What became of a file: ``state`` as people see it, errors by step, facts by step."""

    state: str = "ready"
    errors: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    products: list[Product] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)

    @property
    def record(self) -> Facts:
        """All facts as one; later steps win, as in the record."""
        return {name: value for facts in self.facts.values() for name, value in facts.items()}

    def of_role(self, role: str) -> list[Product]:
        return [product for product in self.products if product.role == role]

    def named(self, name: str) -> Path:
        return next(product.path for product in self.products if product.name == name)


def ingest(source: Path, scratch: Path, *, role: str = "source", steps: frozenset[str] | None = None) -> Outcome:
    """Run identify and every step after it (or only those named), each in a folder of its own."""
    outcome = Outcome()
    first = pipeline.first_step()
    _try(first, source, scratch, role, outcome)
    if outcome.errors:
        return outcome
    for step in pipeline.next_steps(role, outcome.facts[pipeline.IDENTIFY]):
        if steps is None or step.name in steps:
            _try(step, source, scratch, role, outcome)
    return outcome


def _try(step: Step, source: Path, scratch: Path, role: str, outcome: Outcome) -> None:
    if any(name not in outcome.facts for name in step.after):
        outcome.errors[step.name] = "cancelled"
        return
    folder = scratch / step.name
    folder.mkdir(parents=True)
    needed = tuple(product for product in outcome.products if product.role in step.needs)
    given = StepInput(source, source.name, role, outcome.facts, needed)
    try:
        found = pipeline.run(step.name, given, Surroundings(folder, Sandbox(), lambda share: None))
    except IngestError as error:
        outcome.errors[step.name] = error.code
        outcome.state = "failed" if step.essential or outcome.state == "failed" else "partial"
        return
    _check(found, folder)
    outcome.facts[step.name] = json.loads(json.dumps(found.facts))
    outcome.products += found.products
    outcome.passages += found.passages


def _check(found: StepOutput, folder: Path) -> None:
    """What holds for every step: products are plain files of its own folder, their names are unique and safe."""
    names = [product.name for product in found.products]
    assert len(set(names)) == len(names)
    for product in found.products:
        assert product.path.is_file()
        assert not product.path.is_symlink()
        assert product.path.resolve().is_relative_to(folder.resolve())
        assert ".." not in product.name.split("/")
        assert not product.name.startswith("/")
