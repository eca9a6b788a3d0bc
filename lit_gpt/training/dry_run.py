"""A run foretold, tried and refused or found to fit: what --dry_run and scripts/plan_budget.py print."""

import sys
from collections.abc import Iterator
from dataclasses import replace

from lit_gpt.errors import UserError
from lit_gpt.progress import watched
from lit_gpt.report.costs import cost_lines
from lit_gpt.report.formats import count, duration, significant
from lit_gpt.training.budget_settings import BudgetSettings, CardName, with_budget
from lit_gpt.training.hardware import CARDS, GIB, assumptions, card_of
from lit_gpt.training.memory_limit import is_out_of_memory
from lit_gpt.training.methods import Method
from lit_gpt.training.outlook import SHARE_OF_RATE, Outlook, ways_out
from lit_gpt.training.plan import Plan
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from lit_gpt.training.techniques import require_possible
from lit_gpt.training.trial import try_out

N_WAYS = 3  # named where a run does not fit


def foretell(
    method: Method,
    settings: RunSettings,
    schedule: ScheduleSettings,
    journal: JournalSettings,
    budget: BudgetSettings,
    card_name: CardName = "found",
    is_tried: bool = True,
) -> Outlook:
    """Print what the run would take on a card, having tried its largest micro-batch if the card is the one found.

    UserError, naming what would fit, where memory or disk do not suffice.
    """
    if card_name == "cpu":
        settings = _on_the_cpu(settings)
    card = card_of(card_name, settings.device)
    is_here = card_name in ("found", "cpu")
    if card_name in CARDS and settings.precision == "auto":
        settings = replace(settings, precision=method.gpu_precision)  # type: ignore[arg-type]
    plan = Plan.of(method, settings, with_budget(schedule, budget), journal)
    require_possible(plan.techniques, "cuda" if card.is_gpu else "cpu", plan.precision)
    outlook = Outlook.of(plan, card)
    is_small_enough = outlook.fits  # else the trial would only thrash
    if is_here and is_tried and is_small_enough:
        outlook = _tried(outlook)
    print("\n".join(f"{name:16} {words}" for name, words in _lines(outlook, budget)), flush=True)
    refuse_unless_it_fits(outlook)
    return outlook


def _on_the_cpu(settings: RunSettings) -> RunSettings:
    """As the card says, also where the machine has a GPU."""
    if settings.device not in ("auto", "cpu"):
        raise UserError(f"--card cpu with --device {settings.device}", "one place to compute", "leave --device out")
    return replace(settings, device="cpu")


def _tried(outlook: Outlook) -> Outlook:
    try:
        return outlook.tried(try_out(outlook.plan, outlook.batch))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    raise _too_large(outlook, "ran out of memory when it was tried")


def refuse_unless_it_fits(outlook: Outlook) -> None:
    if not outlook.fits:
        raise _too_large(outlook, f"needs {gib(outlook.needs.peak_bytes + outlook.process_bytes)}")
    if outlook.disk_bytes > outlook.free_disk_bytes:
        got = f"{gib(outlook.free_disk_bytes)} free for {outlook.plan.out_dir}"
        raise UserError(got, f"{gib(outlook.disk_bytes)} for states and weights", "free some disk, or write elsewhere")


def _too_large(outlook: Outlook, what: str) -> UserError:
    lengths = ", ".join(map(str, sorted(outlook.batch.doc_lengths, reverse=True)[:8]))
    got = f"a micro-batch of {len(outlook.batch.ids):,} tokens (rows of {lengths} …) that {what}"
    room = outlook.card.memory_gib * GIB - outlook.process_bytes
    print(f"it does not fit {outlook.card.name}; looking for what would", file=sys.stderr)
    found = []
    for flags, needs in watched(ways_out(outlook), "foretelling", "way"):
        if needs.peak_bytes <= room:
            found.append(f"{flags} ({gib(needs.peak_bytes + outlook.process_bytes)})")
        if len(found) == N_WAYS:
            break
    do = "; or ".join(found) or "a smaller model: not even one row of 256 tokens at a time fits"
    return UserError(got, f"at most {outlook.card.memory_gib:.2f} GiB on {outlook.card.name}", do)


def _lines(outlook: Outlook, budget: BudgetSettings) -> Iterator[tuple[str, str]]:
    plan, needs, card = outlook.plan, outlook.needs, outlook.card
    yield "model", f"{plan.checkpoint_dir}: {needs.n_weights:,} weights, {needs.n_trained:,} trained, {plan.precision}"
    yield "card", f"{card.name}, {card.memory_gib:.2f} GiB ({card.source})"
    yield from _memory(outlook)
    epochs = plan.schedule.settings.max_epochs
    yield "tokens", f"{outlook.epoch_tokens:,} an epoch" + (f", {epochs} epochs" if epochs else "")
    yield from _time(outlook)
    yield "disk", f"{gib(outlook.disk_bytes)} of {gib(outlook.free_disk_bytes)} free"
    yield from _energy(outlook, budget)


def _memory(outlook: Outlook) -> Iterator[tuple[str, str]]:
    needs, batch = outlook.needs, outlook.batch
    blocks = outlook.plan.schedule.settings.micro_batch_size
    rows = f"{len(batch.rows)} rows, the longest of {max(batch.doc_lengths):,}"
    yield "largest batch", f"{len(batch.ids):,} tokens in {rows}; --micro_batch_size {blocks}"
    parts = f"weights {gib(needs.weight_bytes)}, moments {gib(needs.moment_bytes)}, the step {gib(needs.step_bytes)}"
    yield "peak memory", f"{gib(needs.peak_bytes)} foretold: {parts}"
    if outlook.trial is not None:
        ratio = needs.peak_bytes / outlook.trial.peak_bytes
        yield "", f"{gib(outlook.trial.peak_bytes)} measured (foretold / measured: {ratio:.2f})"
    if outlook.process_bytes:
        yield "", f"and {gib(outlook.process_bytes)} for {'CUDA' if outlook.card.is_gpu else 'the process itself'}"


def _time(outlook: Outlook) -> Iterator[tuple[str, str]]:
    budget = outlook.plan.schedule.settings.max_time
    if outlook.tokens_per_s is None:
        yield "speed", "not known: try it on the machine itself"
        return
    how = "as tried" if outlook.trial else f"by arithmetic, at {SHARE_OF_RATE:.0%} of {outlook.card.tflops:g} TFLOP/s"
    flops = f"{outlook.flops_per_token / 1e9:.3g} GFLOP a token"
    yield "speed", f"{outlook.tokens_per_s:,.0f} tokens a second {how}; {flops}"
    ends = "the budget ends it" if outlook.n_steps != outlook.plan.schedule.total_steps else "the steps end it"
    epochs = (outlook.n_steps or 0) / outlook.plan.order.steps_per_epoch
    yield "steps", f"{count(outlook.n_steps)}, {significant(epochs, 3)} epochs; {ends}"
    yield "time", f"{duration(outlook.elapsed_s)}" + (f" of a budget of {budget}" if budget else "")


def _energy(outlook: Outlook, budget: BudgetSettings) -> Iterator[tuple[str, str]]:
    assumed = assumptions(outlook.card, budget)
    for line in cost_lines(outlook.elapsed_s or 0.0, assumed)[:2]:
        yield line.name.lower().replace("co₂", "CO2"), f"{line.estimate} = {line.working}"
    if assumed.power_w is not None:
        yield "", assumed.source


def gib(n_bytes: float) -> str:
    return f"{n_bytes / GIB:,.2f} GiB"
