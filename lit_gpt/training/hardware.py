"""Cards that a run can be planned for, by their makers' figures, and the machine found.

memory_gib is what torch can have; tflops are dense bf16 products with sums in fp32; power_w is the whole board's limit,
without the machine around it. None where nobody states it: a CPU's rate and draw are measured, or not known, and so
are those of a GPU that is not in the list.
"""

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lit_gpt.report.costs import Assumptions
from lit_gpt.training.budget_settings import BudgetSettings, CardName

GIB = 1 << 30
CONTEXT_GIB = 0.5  # CUDA's own, on the card beside what torch holds: 0.46 with torch 2 on a 4090


@dataclass(frozen=True)
class Card:
    name: str
    is_gpu: bool
    memory_gib: float
    tflops: float | None
    power_w: float | None
    source: str


CARDS = {
    card.name: card
    for card in (
        Card("a100-40gb", True, 39.35, 312, 400, "NVIDIA A100 datasheet (SXM4); memory: the challenge's machine"),
        Card("rtx4090-24gb", True, 23.64, 165.2, 450, "NVIDIA Ada whitepaper; memory: as torch reports it"),
        Card("h200", True, 139.0, 989, 700, "NVIDIA H200 datasheet (SXM); memory: as torch reports it"),
    )
}
KNOWN = {"A100": "a100-40gb", "4090": "rtx4090-24gb", "H200": "h200"}  # by a part of the driver's name


def card_of(name: CardName, device: str) -> Card:
    """The card of this name; for `found`, the one that --device means on this machine."""
    if name in CARDS:
        return CARDS[name]
    is_gpu = name == "found" and device in ("auto", "cuda") and torch.cuda.is_available()
    return _gpu() if is_gpu else Card("cpu", False, _memory_bytes() / GIB, None, None, "this machine's free memory")


def _gpu() -> Card:
    """What the driver says of the first GPU, with the figures of a card known by that name."""
    properties = torch.cuda.get_device_properties(0)
    known = next((CARDS[name] for part, name in KNOWN.items() if part in properties.name), None)
    memory_gib = properties.total_memory / GIB
    if known is None:
        return Card(properties.name, True, memory_gib, None, None, "the driver; power and rate are not known")
    return replace(known, name=properties.name, memory_gib=memory_gib)


def _memory_bytes() -> int:
    """What is free, and what this process holds already."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def power_source(card: Card, budget: BudgetSettings) -> str:
    """Who says what the machine draws; empty where nobody does."""
    if budget.power_w is not None:
        return budget.power_source or "stated by the user"
    return card.source if card.power_w is not None else ""


def assumptions(card: Card, budget: BudgetSettings) -> Assumptions:
    """The user's power, else the card's; the user's grid, else the world's."""
    power_w = card.power_w if budget.power_w is None else budget.power_w
    source = f"Power: {power_source(card, budget)}. Grid: {budget.grid}."
    return Assumptions(power_w, budget.grams_co2_per_kwh, source=source)
