"""Both wires of a session hold: whatever comes is parsed, or a documented error, and nothing else."""

from __future__ import annotations

import logging

import pytest
from fuzzing import WIRES


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("batch", range(4))
def test_whatever_comes_is_taken_or_answered_and_ends_no_session_that_could_go_on(wire, batch, caplog):
    logging.disable(logging.WARNING)
    try:
        for seed in range(batch * 50, batch * 50 + 50):
            WIRES[wire](seed)
    finally:
        logging.disable(logging.NOTSET)
    assert caplog.text == "", "a fault of the proxy's own was logged"
