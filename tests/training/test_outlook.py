"""What a run is said to need is what it needs; what does not fit is refused with what would."""

import json
import shutil
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lit_gpt.checkpoint import load_config, load_model
from lit_gpt.cli import CommandLine, exit_code_of, parse
from lit_gpt.config import Config
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.errors import UserError
from lit_gpt.live_bytes import LiveBytes
from lit_gpt.random_base import write_random_weights
from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.training import hardware
from lit_gpt.training.budget_settings import BudgetSettings
from lit_gpt.training.dry_run import foretell
from lit_gpt.training.hardware import CARDS, GIB, Card, card_of
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.loss import SummedLoss
from lit_gpt.training.machine import Machine
from lit_gpt.training.memory_forecast import BatchShape, forecast
from lit_gpt.training.methods import Full, Lora
from lit_gpt.training.outlook import Outlook, largest_batch, needs_of, shape_of, ways_out
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import Progress, latest_state
from lit_gpt.training.room import require_room
from lit_gpt.training.run_directory import bytes_of_run
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from lit_gpt.training.techniques import Techniques
from lit_gpt.training.trial import try_out
from tests.jobs import Job
from tests.toy import WORDS

LORA = Lora(LoraSettings(lora_targets="q,k,v,o,mlp", lora_dropout=0.0))
PLAIN = Techniques(
    quantize=None,
    is_checkpointed=False,
    is_lean=False,
    attention="plain",
    is_chunked=True,
    is_compiled=False,
    neftune_alpha=0.0,
    residual_dropout=0.0,
)
JOURNAL = JournalSettings()
BATCH = BatchShape([40, 30, 10], [39, 12, 9])
LLAMA_7B = Config("llama", 32, 32, 4096, 11008, 32000, 4096)


def settings_of(tiny_base: Path, toy_set: Path, out_dir: Path, **run: Any) -> dict[str, Any]:
    return {
        "settings": RunSettings(tiny_base, toy_set, out_dir, device="cpu", **run),
        "schedule": ScheduleSettings(epochs=2, batch_size=8, micro_batch_size=2),
        "journal": JournalSettings(),
    }


@pytest.fixture
def plan(tiny_base: Path, toy_set: Path, tmp_path: Path) -> Plan:
    return Plan.of(LORA, **settings_of(tiny_base, toy_set, tmp_path / "run"))


def test_storages_are_counted_while_they_live() -> None:
    with LiveBytes() as counter:
        x = torch.zeros(1000, device="meta")
        y = x.view(10, 100)[1:] + 1
        z = x + x
        del x, z
        w = y.t()
    assert (counter.live, counter.peak) == (3600, 11600), "a view keeps no bytes of its own, nor its base"
    assert w.numel() == 900


def test_the_arithmetic_is_that_of_the_network_itself(tiny_base: Path) -> None:
    """Against torch's counter on real tensors; attention, which it counts in full, aside."""
    config = load_config(tiny_base)
    model = load_model(tiny_base).train()
    LORA.build(model, 0, tiny_base)
    loss = SummedLoss(model, is_chunked=False)  # torch's counter cannot follow the chunks
    ids_BT = torch.zeros(1, sum(BATCH.doc_lengths), dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        loss(ids_BT, BATCH.doc_lengths, torch.arange(sum(BATCH.doc_targets))).backward()
    products = sum(n for op, n in counter.get_flop_counts()["Global"].items() if "attention" not in str(op))
    needs = forecast(config, LORA, "32-true", "adamw", replace(PLAIN, is_chunked=False), BATCH)
    assert products < needs.flops < 1.2 * products


def test_seven_billion_weights_are_counted_right() -> None:
    """27 GFLOP a token for LoRA of rank 16; 13.5 GB in bf16, 3.9 GB in nf4-dq; with checkpointing 6 N for 4 N."""
    lora = Lora(LoraSettings(lora_r=16, lora_targets="q,k,v,o,mlp", lora_dropout=0.0))
    small = replace(LLAMA_7B, n_layer=4)  # all layers are alike

    def needs(**changes: Any) -> Any:
        techniques = replace(PLAIN, **changes)
        four, eight = (
            forecast(
                replace(small, n_layer=n), lora, "bf16-true", "adamw", techniques, BatchShape([450] * 2, [315] * 2)
            )
            for n in (4, 8)
        )
        return {
            name: getattr(four, name) + 7 * (getattr(eight, name) - getattr(four, name))
            for name in ("flops", "weight_bytes", "n_weights")
        }

    plain = needs()
    assert plain["flops"] / 900e9 == pytest.approx(26.9, rel=0.02)
    assert plain["weight_bytes"] / 1e9 == pytest.approx(13.5 + 0.16, rel=0.01)  # and 40 million of adapters
    assert needs(is_checkpointed=True)["flops"] / plain["flops"] == pytest.approx(1.5, rel=0.03)
    nf4 = needs(quantize="nf4-dq")
    assert nf4["weight_bytes"] / 1e9 == pytest.approx(3.9 + 0.16, rel=0.03)
    assert nf4["n_weights"] == plain["n_weights"]


CHANGES: dict[str, Any] = {
    "fp32": {},
    "bf16": {"precision": "bf16-true"},
    "nf4": {"precision": "bf16-true", "quantize": "nf4"},
    "full": {"method": Full()},
}
# eight layers of 256: some hundred MB, so that what the process itself comes and goes with hardly counts
FIXTURE = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 8, "num_attention_heads": 4}
FIXTURE |= {"num_key_value_heads": 4, "max_position_embeddings": 1024}


def measured(name: str, places: tuple[Path, Path, Path]) -> float:
    """Foretold over measured, in a process that does nothing else."""
    changes = dict(CHANGES[name])
    method = changes.pop("method", LORA)
    schedule = ScheduleSettings(epochs=1, batch_size=64, micro_batch_size=12)
    torch.set_num_threads(1)
    plan = Plan.of(method, RunSettings(*places, device="cpu", **changes), schedule, JournalSettings())
    outlook = Outlook.of(plan, card_of("cpu", "cpu"))
    trial = try_out(plan, outlook.batch)
    return outlook.needs.peak_bytes / trial.peak_bytes


@pytest.mark.parametrize(
    "name", ["fp32", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bf16", "nf4", "full"))]
)
def test_foretold_is_measured(name: str, tiny_base: Path, toy_set: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    write_random_weights(base, {**FIXTURE, "vocab_size": load_config(tiny_base).vocab_size})
    for path in tiny_base.glob("tokenizer*"):
        shutil.copy(path, base)
    with get_context("spawn").Pool(1) as alone:
        ratio = alone.apply(measured, (name, (base, toy_set, tmp_path / "run")))
    assert ratio == pytest.approx(1.0, abs=0.15)


def test_the_largest_batch_is_the_epochs_largest(plan: Plan) -> None:
    from lit_gpt.tokens.loader import micro_batches

    sizes = [
        sum(batch.doc_lengths)
        for step in range(plan.order.steps_per_epoch)
        for batch in micro_batches(plan.train_tokens, plan.order.rows_of(step), plan.token_set.max_seq_length, 2)
    ]
    assert len(largest_batch(plan, 2).ids) == max(sizes)


def test_what_does_not_fit_is_refused_with_what_would(plan: Plan, tiny_base, toy_set, tmp_path, monkeypatch) -> None:
    outlook = Outlook.of(plan, CARDS["a100-40gb"])
    assert outlook.fits
    foretold = dict(ways_out(outlook))
    assert all(needs.peak_bytes < outlook.needs.peak_bytes for needs in foretold.values())
    assert {
        "--micro_batch_size 1",
        "--activation_checkpointing true",
        "--activation_checkpointing true --quantize nf4",
    } <= foretold.keys()
    room = (outlook.needs.peak_bytes + foretold["--micro_batch_size 1"].peak_bytes) / 2 + outlook.process_bytes
    monkeypatch.setitem(CARDS, "a100-40gb", replace(CARDS["a100-40gb"], memory_gib=room / GIB))
    settings = settings_of(tiny_base, toy_set, tmp_path / "run", precision="32-true")
    with pytest.raises(UserError) as error:
        foretell(LORA, **settings, budget=BudgetSettings(), card_name="a100-40gb")
    assert error.value.do.startswith("--micro_batch_size 1 (")
    monkeypatch.setitem(CARDS, "a100-40gb", replace(CARDS["a100-40gb"], memory_gib=0.001))
    with pytest.raises(UserError, match="tokens") as error:
        foretell(LORA, **settings, budget=BudgetSettings(), card_name="a100-40gb")
    assert "a smaller model" in error.value.do


def test_a_full_disk_is_refused(tiny_base, toy_set, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Outlook, "free_disk_bytes", 1000)
    with pytest.raises(UserError, match="free for"):
        foretell(LORA, **settings_of(tiny_base, toy_set, tmp_path / "run"), budget=BudgetSettings(), is_tried=False)


def test_the_epochs_kept_take_disk_as_far_as_the_run_comes_to_them(plan: Plan) -> None:
    outlook = Outlook.of(plan, card_of("cpu", "cpu"))
    spe = plan.order.steps_per_epoch

    def exports(**changes: Any) -> float:
        """How many more there are room for than without kept epochs."""
        schedule = replace(plan.schedule, settings=ScheduleSettings(batch_size=8, **changes))
        kept = replace(plan, schedule=schedule, journal=JournalSettings(keep_epochs="5-10"))
        return (replace(outlook, plan=kept).disk_bytes - outlook.disk_bytes) / (4 * outlook.needs.n_trained)

    assert exports(epochs=15) == exports(epochs=10) == 6, "as in configs/finetune/lima.yaml"
    assert (exports(epochs=7), exports(epochs=4)) == (3, 0)
    assert (exports(max_steps=5 * spe), exports(max_steps=5 * spe - 1)) == (1, 0)
    assert exports(max_time="24:00:00") == 6, "how far the time goes is not known"


def test_the_script_says_what_it_would_take(tiny_base, toy_set, tmp_path, capsys) -> None:
    import runpy

    line = CommandLine(runpy.run_path("scripts/plan_budget.py")["main"], summary="plan")
    places = [f"--checkpoint_dir={tiny_base}", f"--data_dir={toy_set}", f"--out_dir={tmp_path / 'run'}"]

    def said(*flags: str) -> dict[str, str]:
        assert exit_code_of(lambda: line.command(**parse(line, [*places, *flags]))) == 0
        found: dict[str, str] = {}
        for text in capsys.readouterr().out.splitlines():
            name = text[:16].strip() or next(reversed(found))  # a line without a name goes on with the last
            found[name] = f"{found.get(name, '')} {text[17:]}".strip()
        return found

    day = said("--card=h200", "--budget_hours=24", "--micro_batch_size=1", "--epochs=3")
    assert day["card"].startswith("h200, 139.00 GiB")
    assert "by arithmetic, at 40% of 989 TFLOP/s" in day["speed"] and "the steps end it" in day["steps"]
    assert "of a budget of 24:00:00" in day["time"]
    assert "700 W" in day["energy"] and "445 g CO₂/kWh" in day["CO2"]
    assert "Power: NVIDIA H200 datasheet" in day["CO2"] and "Grid: the world's average of 2024" in day["CO2"]
    flags = ["--power_w=100", "--grams_co2_per_kwh=50", "--power_source=a meter", "--grid_source=the river"]
    mine = said("--card=h200", "--epochs=3", *flags)
    assert "100 W" in mine["energy"] and "50 g CO₂/kWh" in mine["CO2"]
    assert "Power: a meter. Grid: the river." in mine["CO2"]
    assert said("--card=cpu", "--trial=false")["speed"].startswith("not known")
    assert said("--card=h200", "--method=full")["model"].count("bf16-mixed") == 1


def test_a_dry_run_tries_the_largest_batch_and_trains_nothing(tiny_base, toy_set, tmp_path, capsys) -> None:
    from tests.test_configs import lora_line

    line = lora_line()
    flags = {
        "checkpoint_dir": tiny_base,
        "data_dir": toy_set,
        "out_dir": tmp_path / "run",
        "device": "cpu",
        "dry_run": "true",
    }
    assert line.command(**parse(line, [f"--{name}={value}" for name, value in flags.items()])) is None
    told = capsys.readouterr().out
    assert "measured (foretold / measured: " in told and "as tried" in told
    assert not (tmp_path / "run").exists()


def test_the_script_names_the_cards_there_are() -> None:
    import runpy

    hints = get_type_hints(runpy.run_path("scripts/plan_budget.py")["PlanSettings"])
    assert set(get_args(hints["card"])) == {"found", "cpu", *CARDS}


def test_a_card_found_is_the_machines() -> None:
    cpu = card_of("found", "cpu")
    assert (cpu.name, cpu.is_gpu, cpu.power_w, cpu.tflops) == ("cpu", False, None, None) and cpu.memory_gib > 0.1
    assert isinstance(CARDS["rtx4090-24gb"], Card) and card_of("rtx4090-24gb", "cpu").memory_gib == 23.64


class Stopped(Exception):
    pass


def with_memory(n_bytes: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_memory_bytes", lambda: int(n_bytes))


def need_of(job: Job, plan: Plan, micro_batch_size: int) -> int:
    method = Lora(LoraSettings(lora_targets=job.lora_targets, lora_dropout=job.lora_dropout))
    batch = shape_of(largest_batch(plan, micro_batch_size))
    return needs_of(replace(plan, method=method), batch, card_of("cpu", "cpu")).peak_bytes


def test_a_run_with_a_budget_that_cannot_fit_is_refused_before_it_loads(job, plan, capsys, monkeypatch) -> None:
    one, two = (need_of(job, plan, size) for size in (1, 2))
    with_memory((one + two) / 2, monkeypatch)
    timed = {"max_time": "01:00:00", "max_steps": 1, "micro_batch_size": 2}
    with pytest.raises(UserError, match="that needs") as refused:
        job.run(**timed)
    assert refused.value.do.startswith("--micro_batch_size 1 (")
    assert not (job.out_dir / "hyperparameters.yaml").exists() and not (job.out_dir / "metrics.jsonl").exists()
    told = capsys.readouterr().err
    assert "foretold: " in told and "train on cpu" not in told, "no model was built"
    job.run(**timed | {"micro_batch_size": 1})
    replace(job, out_dir=job.out_dir.with_name("no budget")).run(max_steps=1, micro_batch_size=2)
    timed_plan = replace(plan, schedule=Schedule(ScheduleSettings(max_time="01:00:00"), 15))
    with_memory(1, monkeypatch)
    require_room(replace(timed_plan, settings=replace(plan.settings, compile=True)), Progress())
    with pytest.raises(UserError, match="that needs"):
        require_room(timed_plan, Progress())


def test_a_resumed_run_is_refused_nothing_it_has(job, plan, monkeypatch) -> None:
    """Neither the micro-batch that memory left it, nor the disk that its own files take."""
    one, two = (need_of(job, plan, size) for size in (1, 2))
    timed = {"max_time": "01:00:00", "max_steps": 6, "micro_batch_size": 2, "save_every": 1}

    def at_work(batch: MicroBatch) -> None:
        if torch.is_grad_enabled() and len(batch.ids) > 128:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        if latest_step(job) >= 4:
            raise Stopped

    with pytest.raises(Stopped):
        job.run(machine=Machine(at_work=at_work), **timed)
    with_memory((one + two) / 2, monkeypatch)
    monkeypatch.setattr(Outlook, "free_disk_bytes", 2 * bytes_of_run(job.out_dir))
    fresh = replace(job, out_dir=job.out_dir.with_name("fresh"))
    with pytest.raises(UserError, match="that needs"):
        fresh.run(**timed)
    with pytest.raises(UserError, match="free for"):
        monkeypatch.setattr(Outlook, "free_disk_bytes", bytes_of_run(job.out_dir) // 4)
        job.run(**timed)
    monkeypatch.setattr(Outlook, "free_disk_bytes", 2 * bytes_of_run(job.out_dir))
    assert (job.run(**timed) / "manifest.json").is_file()


def latest_step(job: Job) -> int:
    saved = latest_state(job.out_dir / "state")
    return saved.progress.step if saved else 0


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU as far as torch is asked about it; whatever computed on it would fail."""
    found = SimpleNamespace(name="NVIDIA GeForce GTX 1", total_memory=8 * GIB)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)


def test_a_gpu_that_nobody_knows_is_one_whose_rate_is_not_known(gpu, plan: Plan) -> None:
    card = card_of("found", "auto")
    assert (card.is_gpu, card.memory_gib, card.tflops, card.power_w) == (True, 8.0, None, None)
    outlook = Outlook.of(plan, card)
    assert outlook.tokens_per_s is None and outlook.elapsed_s is None
    assert outlook.process_bytes == GIB / 2, "CUDA's context"


def test_the_card_cpu_is_the_cpu_where_there_is_a_gpu(gpu, tiny_base, toy_set, tmp_path, capsys) -> None:
    settings = settings_of(tiny_base, toy_set, tmp_path / "run")
    settings["settings"] = replace(settings["settings"], device="auto")
    outlook = foretell(LORA, **settings, budget=BudgetSettings(), card_name="cpu")
    assert (outlook.plan.settings.device, outlook.plan.precision) == ("cpu", "32-true")
    assert outlook.trial is not None and not outlook.card.is_gpu
    told = capsys.readouterr()
    assert "train on cpu in 32-true" in told.err and "as tried" in told.out
    settings["settings"] = replace(settings["settings"], device="cuda")
    with pytest.raises(UserError, match="--card cpu with --device cuda"):
        foretell(LORA, **settings, budget=BudgetSettings(), card_name="cpu")


def test_lengths_are_cut(plan: Plan) -> None:
    shape = shape_of(largest_batch(plan, 2, max_seq_length=10))
    assert max(shape.doc_lengths) == 10 and max(shape.doc_targets) <= 9 and min(shape.doc_targets) >= 1
    assert 10 < shape.n_tokens <= 20, "two blocks"


def test_shorter_rows_are_a_way_out(tiny_base, tmp_path) -> None:
    """And what it is said to need is what a run with these flags is foretold."""
    base = tmp_path / "base"
    shape = {"max_position_embeddings": 1024, "vocab_size": load_config(tiny_base).vocab_size}
    write_random_weights(base, {**FIXTURE, **shape, "num_hidden_layers": 2})
    for path in tiny_base.glob("tokenizer*"):
        shutil.copy(path, base)
    rows = [{"instruction": "Say it.", "input": "", "output": " ".join(WORDS[:n] * 40)} for n in range(1, 25)]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataSettings(source=str(tmp_path / "long.jsonl"), destination_path=tmp_path / "long")
    data_dir = prepare(user_file.source(), data, TokenSettings(base, max_seq_length=1024))
    schedule = ScheduleSettings(epochs=1, batch_size=8, micro_batch_size=2)

    def outlook(schedule: ScheduleSettings, **run: Any) -> Outlook:
        plan = Plan.of(LORA, RunSettings(base, data_dir, tmp_path / "run", device="cpu", **run), schedule, JOURNAL)
        return Outlook.of(plan, card_of("cpu", "cpu"))

    whole = outlook(schedule)
    assert whole.plan.token_set.max_seq_length == max(whole.batch.doc_lengths) == 1024
    found = dict(ways_out(whole))
    frugal = "--micro_batch_size 1 --activation_checkpointing true --quantize nf4"
    assert list(found)[-3:] == [frugal, f"{frugal} --max_seq_length 512", f"{frugal} --max_seq_length 256"]
    peaks = [found[flags].peak_bytes for flags in list(found)[-3:]]
    assert peaks[0] > peaks[1] > peaks[2]
    so = {"activation_checkpointing": True, "quantize": "nf4", "max_seq_length": 512}
    assert outlook(replace(schedule, micro_batch_size=1), **so).needs.peak_bytes == pytest.approx(peaks[1], rel=0.01)
