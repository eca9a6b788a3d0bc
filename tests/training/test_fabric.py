"""Fabric comes alone, and takes nothing from whoever imports Lightning itself."""

import subprocess
import sys

FABRIC = "import sys\nfrom lit_gpt.training.fabric import Fabric\n"
UNWANTED = "print(sorted(sys.modules.keys() & {'lightning.pytorch', 'torchmetrics', 'scipy', 'matplotlib'}))\n"
LIGHTNING = "import lightning, lightning.pytorch, torchmetrics, lightning.fabric as its\n"
SAME = "print(lightning.Fabric is Fabric is its.Fabric, lightning.Trainer.__name__, torchmetrics.__version__[0])"


def printed(code: str) -> list[str]:
    """By a process of its own: what is imported once stays so."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_neither_the_trainer_nor_torchmetrics_is_imported_and_both_can_be_afterwards() -> None:
    assert printed(FABRIC + UNWANTED + LIGHTNING + SAME) == ["[]", "True Trainer 1"]


def test_lightning_can_have_been_imported_before() -> None:
    assert printed(LIGHTNING + FABRIC + SAME) == ["True Trainer 1"]
