"""Energy is metered where it can be read, told with its source, and never made up."""

from pathlib import Path

import pytest

from lit_gpt.manifest import read_manifest
from lit_gpt.training.energy import POLL_S, EnergyCount, RaplMeter, SmiMeter, find_meter
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.machine import Machine
from tests.jobs import Job


def package(folder: Path, microjoules: int, full: int = 1_000_000) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{full}\n")
    return folder


def test_power_is_summed_over_time() -> None:
    watts = iter([100.0, 300.0, 300.0])
    meter = SmiMeter(lambda: next(watts))
    assert [meter.read(now_s) for now_s in (5.0, 15.0, 25.0)] == [0.0, 2000.0, 5000.0]


def test_counters_start_again_from_zero(tmp_path: Path) -> None:
    first, second = package(tmp_path / "0", 900_000), package(tmp_path / "1", 0)
    meter = RaplMeter([first, second])
    assert meter.read(0.0) == 0.0
    package(first, 100_000)
    package(second, 50_000)
    assert meter.read(1.0) == pytest.approx(0.25)


def test_packages_are_found_and_what_cannot_be_read_is_no_meter(tmp_path: Path) -> None:
    assert find_meter("cpu", tmp_path) is None
    package(tmp_path / "intel-rapl:0", 5)
    package(tmp_path / "intel-rapl:0:0", 5)  # a part of the package: it would count twice
    meter = find_meter("cpu", tmp_path)
    assert isinstance(meter, RaplMeter) and [path.name for path in meter.packages] == ["intel-rapl:0"]
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert find_meter("cpu", tmp_path) is None
    assert find_meter("mps", tmp_path) is None


def test_readings_are_seldom_and_a_failed_one_leaves_the_last() -> None:
    readings = iter([10.0, 20.0])
    meter = SmiMeter(lambda: 0.0)
    meter.read = lambda now_s: next(readings, None) or int("no number")  # type: ignore[method-assign]
    count = EnergyCount(meter, already_j=100.0)
    times = (0.0, 0.5 * POLL_S, POLL_S, 2 * POLL_S, 3 * POLL_S)
    assert [count.joules(now_s) for now_s in times] == [110.0, 110.0, 120.0, 120.0, 120.0]
    assert EnergyCount(None).joules(5.0) is None


def test_a_metered_run_reports_what_was_metered(job: Job) -> None:
    seconds = iter(range(100_000))
    meter = SmiMeter(lambda: 3.6e6, "a meter of the test")
    out_dir = job.run(machine=Machine(lambda: float(next(seconds)), meter_of=lambda device: meter), max_steps=6)
    energy_j = read_manifest(out_dir, "run").counts["energy_j"]
    logged = [record["energy_j"] for record in read_metrics(out_dir) if "energy_j" in record]
    assert len(logged) == 6 and logged[-1] == energy_j > 0 and energy_j % 3.6e6 == 0
    page = (out_dir / "report.html").read_text()
    assert "Energy was metered: a meter of the test." in page
    assert f"{energy_j / 3.6e6:.0f}" in page and "445 g CO₂/kWh" in page


def test_a_run_without_meter_or_stated_power_estimates_none(job: Job) -> None:
    page = (job.run(machine=Machine(meter_of=lambda device: None), max_steps=2) / "report.html").read_text()
    assert "no assumption about power" in page and "Nothing here was metered" in page
