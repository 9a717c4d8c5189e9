"""Tests of one group run in one process, so that what is dear to start is started once."""

import pytest


@pytest.mark.xdist_group("together")
def test_groups_are_kept_together(request: pytest.FixtureRequest) -> None:
    grouping = request.config.getoption("loadgroup", default=False)  # set in the processes of pytest-xdist
    assert not grouping or request.node.nodeid.endswith("@together"), "pytest-xdist tells groups by the end of the name"
