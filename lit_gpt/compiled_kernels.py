"""Let oneDNN keep few compiled kernels: in bf16 on a CPU they would outgrow the activations.

oneDNN compiles a kernel for every product it meets, and keeps the last 1,024 with what they work in
(https://uxlfoundation.github.io/oneDNN/dev_guide_primitive_cache.html). Micro-batches of packed rows are hardly ever
of one length, so each brings some thirty kernels of one to two megabytes that nobody asks for again. KEPT is enough for
all of one length, which every layer shares.

Not covered: a process that multiplied in bf16 before, whose oneDNN has read its setting already.
"""

import os

KEPT = 64  # with 128 a run holds 49 MB more, with 32 it takes a third more time, of 45 million weights


def keep_few_kernels() -> None:
    """From oneDNN's first product on in this process."""
    os.putenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KEPT))
