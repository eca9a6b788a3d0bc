"""Whether an export is what it should be: logits before, after, and read again from disk.

Everything is judged by the logits of a fixed short text of random ids, computed as the model computes, so that no
method's inner workings matter. Not covered: the tokenizer's files, which are copied as they are.
"""

import copy
import sys
from pathlib import Path

import torch
from torch import Tensor

from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.model import GPT

N_PROBE = 32  # tokens
# How far merging may move logits, root mean square over theirs: it rounds every weight once to the base's dtype, of 24,
# 11 and 8 binary digits. tests/test_export.py prints what it is, and what an adapter merged to wrong rows gives.
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 0.1}


@torch.inference_mode()
def probe(model: GPT) -> Tensor:
    """The logits of the fixed text, (T, V) in fp32 on the CPU; a copy in fp32 gives them where dtypes are mixed."""
    if len(weight_dtypes(model)) > 1:
        model = copy.deepcopy(model).float()
    weight = model.transformer.wte.weight
    n_tokens = min(N_PROBE, model.config.block_size)
    ids_T = torch.randint(len(weight), (n_tokens,), generator=torch.Generator().manual_seed(0))
    logits_BTV: Tensor = model(ids_T[None].to(weight.device))
    return logits_BTV[0].float().cpu()


def weight_dtypes(model: GPT) -> set[torch.dtype]:
    """Of the base: adapters are in fp32 beside it."""
    return {tensor.dtype for name, tensor in model.named_parameters() if not _is_adapter(name)}


def _is_adapter(name: str) -> bool:
    return ".lora." in name or name.endswith(".token_rows")


def require_finite(model: GPT, adapter_dir: Path) -> None:
    """UserError naming the tensors of an adapter that hold numbers that are none."""
    wrong = [name for name, tensor in model.named_parameters() if _is_adapter(name) and not tensor.isfinite().all()]
    if wrong:
        got = f"{adapter_dir} with numbers that are not finite, in {wrong[0]} and {len(wrong) - 1} more tensors"
        raise UserError(got, "an adapter of finite numbers", "finetune again with a lower --learning_rate")


def require_sound_merge(base_TV: Tensor, adapted_TV: Tensor, merged_TV: Tensor, dtypes: set[torch.dtype]) -> None:
    """The adapter does something, and merged it does the same; UserError otherwise."""
    named = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
    retrain = "check that it is the adapter you mean, and that its run learnt something (metrics.jsonl)"
    if not all(logits.isfinite().all() for logits in (base_TV, adapted_TV, merged_TV)):
        raise UserError("logits that are not finite", "finite ones, of base and adapter", retrain)
    if torch.equal(base_TV, adapted_TV):
        raise UserError("an adapter that changes nothing: its update is zero", "one that was trained", retrain)
    if torch.equal(base_TV, merged_TV):
        got = f"a merged model equal to its base: the update is lost when rounded to {named}"
        raise UserError(got, "an update that the base's numbers can hold", "use base and adapter unmerged")
    moved = _distance(merged_TV, adapted_TV)
    tolerance = max(TOLERANCE[dtype] for dtype in dtypes)
    if moved > tolerance:
        got = f"a merged model whose logits are off by {moved:.2g} of their size"
        raise UserError(got, f"at most {tolerance:.0e}, for {named}", "use base and adapter unmerged")
    print(f"merged: logits are the adapter's to {moved:.1e} of their size", file=sys.stderr)


def require_reads_back(directory: Path, expected_TV: Tensor) -> None:
    """The checkpoint there, read from disk, gives these very logits; UserError otherwise."""
    found_TV = probe(load_model(directory, dtype=None))
    if found_TV.shape != expected_TV.shape or not torch.equal(found_TV, expected_TV):
        got = "an export that, read again, gives other logits than what was exported"
        raise UserError(got, "the same logits, bit for bit", "check the disk, and export again")
    print("read again: the same logits, bit for bit", file=sys.stderr)


def _distance(found_TV: Tensor, expected_TV: Tensor) -> float:
    return float((found_TV - expected_TV).square().mean().sqrt() / expected_TV.square().mean().sqrt())
