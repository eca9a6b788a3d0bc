"""What runs here: the versions on this machine, now; a run that was made elsewhere may have had others."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "lightning", "tokenizers", "safetensors", "numpy", "pyarrow")


def environment() -> dict[str, str]:
    """Name -> version."""
    found = {"Python": platform.python_version(), "System": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
