"""What tests run keeps nobody's progress: what a student has solved stays theirs, and notebooks' outputs the same."""

import os
import sys
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbval.kernel  # pyright: ignore[reportMissingTypeStubs]
from jupyter_client.manager import KernelManager

os.environ["PAYMENTS_LAB_PROGRESS"] = ""

# What `payments-lab reset` keeps of a student's own work is theirs, and no part of the course.
collect_ignore_glob = ["notebooks/*.mine-*.ipynb"]

_SOCKETS = TemporaryDirectory(prefix="payments-lab-kernels-")
_NUMBERS = count()


def kernel_manager(**options: Any) -> KernelManager:
    """Kernels are talked to by sockets in a folder.

    A port that was free when Jupyter chose it may be taken by another test when the kernel wants it.
    """
    path = Path(_SOCKETS.name, f"{next(_NUMBERS)}")
    return KernelManager(transport="ipc", ip=str(path), **options)


if sys.platform != "win32":
    nbval.kernel.KernelManager = kernel_manager
