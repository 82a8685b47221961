"""JupyterLab at the course, served to this machine alone."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import payments_lab
from payments_lab.commands import GOOD, WrongUse

HELP = "open JupyterLab at the course"

HOST = "127.0.0.1"
PORTS = range(8888, 8938)
WELCOME = "00-welcome.ipynb"
SETTINGS = Path(__file__).with_name("jupyterlab")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", action="store_true", help="serve only; the address is printed")
    parser.add_argument("--port", type=int, help=f"default: the first free one from {PORTS[0]}")
    parser.add_argument("--course", type=Path, metavar="DIR", help="the folder of the notebooks, default: this course")


def run(arguments: argparse.Namespace) -> int:
    if find_spec("jupyterlab") is None:
        raise WrongUse("JupyterLab is not installed; try: pip install 'payments-lab[lab]'")
    notebook = first_notebook(arguments.course or _course())
    port = arguments.port if arguments.port is not None else _first_free_port()
    if port not in range(1, 65536):
        raise WrongUse(f"{port} is no port; ports go from 1 to 65535")
    if not _is_free(port):
        raise WrongUse(f"port {port} is in use; choose another with --port, or leave --port out to have one chosen")
    if arguments.course is None:
        trust(notebook.parent)
    if arguments.json:
        token = os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(24))
        print(json.dumps({"url": f"http://{HOST}:{port}{_path(notebook)}?token={token}"}), flush=True)
    _serve(options(notebook, port=port, browser=not arguments.no_browser))
    return GOOD


def first_notebook(course: Path) -> Path:
    """The welcome notebook of a course, or its first one; WrongUse where there is none."""
    notebooks = sorted(course.glob("*.ipynb"))
    if not notebooks:
        raise WrongUse(
            f"there is no notebook in {course}; run this in a clone of the project, or name a folder with --course"
        )
    return next((notebook for notebook in notebooks if notebook.name == WELCOME), notebooks[0]).resolve()


def trust(course: Path) -> None:
    """Sign the course's own notebooks: JupyterLab hides the pictures of others until their cells are run."""
    nbformat, sign = import_module("nbformat"), import_module("nbformat.sign")
    notary = sign.NotebookNotary()
    for notebook in sorted(course.glob("*.ipynb")):
        notary.sign(nbformat.read(notebook, as_version=4))


def options(notebook: Path, *, port: int, browser: bool) -> list[str]:
    """What JupyterLab is told: this machine only, this port or none, and nothing fetched from anywhere."""
    told = [
        f"--ServerApp.root_dir={notebook.parent.parent}",
        f"--LabApp.default_url={_path(notebook)}",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--LabApp.app_settings_dir={SETTINGS}",
        "--LabApp.extension_manager=readonly",
    ]
    if not browser:
        told.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        told.append("--allow-root")
    return told


def _serve(told: list[str]) -> None:
    # The kernel is this environment's interpreter, not one that the user has registered under the same name.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    import_module("jupyterlab.labapp").LabApp.launch_instance(told)


def _course() -> Path:
    beside_the_package = Path(payments_lab.__file__).parent.parent / "notebooks"
    return beside_the_package if beside_the_package.is_dir() else Path("notebooks").absolute()


def _path(notebook: Path) -> str:
    return f"/lab/tree/{notebook.parent.name}/{notebook.name}"


def _first_free_port() -> int:
    free = next((port for port in PORTS if _is_free(port)), None)
    if free is None:
        raise WrongUse(f"ports {PORTS[0]} to {PORTS[-1]} are all in use; choose another with --port")
    return free


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
