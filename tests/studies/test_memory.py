"""The memory benchmark: its table, and that what should save memory does."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks.memory import MEDIUM
from lit_gpt.random_base import write_random_weights
from lit_gpt.studies.memory import measure_memory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_table(tmp_path: Path) -> None:
    config = write_random_weights(tmp_path / "medium", MEDIUM)
    assert 55e6 < config.n_parameters < 70e6
    table = measure_memory(tmp_path / "medium", n_tokens=512, device="cpu")
    rows = re.findall(r"^(\w+) +(yes|no) +([\d.]+) +[\d.]+ +([\d.]+) +[\d.]+$", table, re.MULTILINE)
    loading = {(weights, word): float(mib) for weights, word, mib, _ in rows}
    training = {(weights, word): float(mib) for weights, word, _, mib in rows}
    assert len(rows) == 8
    assert loading["nf4", "no"] < loading["int8", "no"] < loading["bf16", "no"] < loading["fp32", "no"]
    assert all(training[weights, "yes"] < training[weights, "no"] for weights in ("fp32", "bf16", "nf4", "int8"))
