"""The job core against seeds, and seeded faults against the simulation. More seeds: ``XUEHAI_SIM_SEEDS=20000``."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.simulation.core import Core, Mutation, broken
from tests.simulation.mutations import MUTATIONS
from tests.simulation.scenario import Scenario, new_database
from tests.simulation.world import Broken, SimDatabase

SEEDS = int(os.environ.get("XUEHAI_SIM_SEEDS", "800"))
PORTIONS = 8
TRIES = 150  # seeds within which a broken variant must be caught


@pytest.fixture(scope="module")
def db() -> Iterator[SimDatabase]:
    database = new_database()
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    """Thousands of expected failures are not logged, and garbage is collected between worlds only."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("CRITICAL"))
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()
    structlog.configure(**before)


def play(seed: int, core: Core, db: SimDatabase, folder: Path) -> None:
    try:
        Scenario(seed, core, db, folder).play()
    except Broken as found:
        raise Broken(f"seed {seed}: {found}") from found
    finally:
        if seed % 20 == 0:
            gc.collect()


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("portion", range(PORTIONS))
def test_every_seed_comes_to_a_right_end(portion: int, db: SimDatabase, tmp_path: Path) -> None:
    for seed in range(portion, SEEDS, PORTIONS):
        play(seed, Core(), db, tmp_path)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_broken_variant_is_caught(mutation: Mutation, db: SimDatabase, tmp_path: Path) -> None:
    core = broken(mutation)
    for seed in range(TRIES):
        try:
            play(seed, core, db, tmp_path)
        except Broken:
            return
    pytest.fail(f"{mutation.name} went unnoticed in {TRIES} worlds")


def test_the_same_seed_is_the_same_world(db: SimDatabase, tmp_path: Path) -> None:
    traces = []
    for _ in range(2):
        scenario = Scenario(7, Core(), db, tmp_path)
        scenario.play()
        traces.append((scenario.world.turns, scenario.world.now, scenario.world.crashes))
    assert traces[0] == traces[1]
