"""Lightning's Fabric (https://lightning.ai/docs/fabric) without what else its package imports: half of a start's time.

The package `lightning` imports its Trainer beside Fabric, and Fabric imports torchmetrics, for the number of its
version; torchmetrics imports scipy, matplotlib and transformers wherever they are installed. Nothing of that is used
here. Fabric's own modules are the package's, unchanged, and `import lightning` gives all of it afterwards.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

UNUSED = "torchmetrics"


@contextmanager
def _fabric_alone() -> Iterator[None]:
    """While `lightning` is a package without its __init__, and torchmetrics as if it were not installed.

    Where somebody imported either before, the price is paid, and nothing is changed.
    """
    spec = None if sys.modules.keys() & {"lightning", UNUSED} else importlib.util.find_spec("lightning")
    if spec is None:
        yield
        return
    stand_ins: dict[str, ModuleType | None] = {"lightning": importlib.util.module_from_spec(spec), UNUSED: None}
    sys.modules.update(stand_ins)  # type: ignore[arg-type]  # None: an import of it fails
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


with _fabric_alone():
    from lightning.fabric import Fabric
    from lightning.fabric.loggers.logger import Logger
    from lightning.fabric.loggers.tensorboard import TensorBoardLogger

__all__ = ["Fabric", "Logger", "TensorBoardLogger"]
