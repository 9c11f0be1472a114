"""A few hundred mutated inputs for everything that reads, always the same; benchmarks/fuzz.py runs many more."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import fuzz
from benchmarks.fuzz_seeds import seeds

COUNT = 400


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_read_or_refused_by_our_own_errors() -> None:
    assert list(fuzz(seeds(), 0, COUNT)) == []
