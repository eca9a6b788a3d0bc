"""Measure LoRA of a 7B on a GPU: useful tokens a second, share of what its matrix products allow, memory, gradient.

    python benchmarks/gpu_lora.py                             # Llama-2-7B's shape, random weights, bf16, on CUDA
    python benchmarks/gpu_lora.py --quantize nf4-dq
    python benchmarks/gpu_lora.py --quantize nf4 --checkpointing true --blocks 1
    python benchmarks/gpu_lora.py --model tiny --device cpu   # that it works, and nothing more

Rows of instruction lengths packed to 2,048 tokens with documents kept apart, rank 16 on all linears. The limit is the
arithmetic of a token (4 N for frozen weights, adapters and attention counted) over the rate of the model's own matrix
products, measured in the same process.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command

SHAPES = {
    "llama-2-7b": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 4096,
        "vocab_size": 32000,
        "tie_word_embeddings": False,
    },
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "vocab_size": 256,
    },
}

COLUMNS = ["model", "device", "weights", "checkpointing", "tokens a micro-batch", "useful tokens/s", "of the limit"]
COLUMNS += ["peak, GiB", "gradient norm"]


@dataclass(frozen=True)
class BenchmarkSettings:
    """What to measure.

    Args:
        model: llama-2-7b or tiny
        device: cuda or cpu
        blocks: blocks of 2,048 tokens a micro-batch
        steps: optimizer steps of one micro-batch each
        warmup: of them, not counted
        quantize: nf4, nf4-dq, fp4 or int8; without it bf16
        checkpointing: compute every block again on the way back
        attention: auto, plain or varlen
        compile: torch.compile instead of the written-out fast paths
        work_dir: where the random weights lie
    """

    model: Literal["llama-2-7b", "tiny"] = "llama-2-7b"
    device: Literal["cuda", "cpu"] = "cuda"
    blocks: int = 4
    steps: int = 12
    warmup: int = 4
    quantize: Literal["nf4", "nf4-dq", "fp4", "int8"] | None = None
    checkpointing: bool = False
    attention: Literal["auto", "plain", "varlen"] = "plain"
    compile: bool = False
    work_dir: Path = Path("out/benchmarks/gpu_lora")


def main(benchmark: BenchmarkSettings) -> None:
    from lit_gpt.loading import require_device
    from lit_gpt.random_base import write_random_weights
    from lit_gpt.studies.speed.big_model import Steps, measure

    require_device(benchmark.device)
    b = benchmark
    directory = b.work_dir / b.model
    if not directory.is_dir():
        write_random_weights(directory, SHAPES[b.model])
    steps = Steps(b.blocks, b.steps, b.warmup, b.quantize, b.checkpointing, b.attention, b.compile)
    found = measure(directory, steps, b.device)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    cells = [b.model, b.device, b.quantize or "bf16", "yes" if b.checkpointing else "no", f"{b.blocks * 2048:,}"]
    cells += [f"{found.tokens_per_s:,.0f}", f"{found.share_of_limit:.2f}", f"{found.peak_gib:.2f}"]
    print(f"| {' | '.join(cells)} | {found.grad_norm:.3g} |")


if __name__ == "__main__":
    run_command(main)
