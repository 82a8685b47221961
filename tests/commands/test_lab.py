"""``payments-lab lab``: which notebook, which port, and what JupyterLab is told. The browser tests really open it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook, new_output

from payments_lab import cli
from payments_lab.commands import WrongUse, lab
from tests.servers import free_port


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    folder.mkdir()
    for name in ("01-first.ipynb", "00-welcome.ipynb"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which someone listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What JupyterLab would have been started with; it is not started."""
    monkeypatch.setenv("JUPYTER_TOKEN", "open-sesame")
    starts: list[list[str]] = []
    monkeypatch.setattr(lab, "_serve", starts.append)
    return starts


def test_the_course_opens_at_its_welcome(course: Path) -> None:
    assert lab.first_notebook(course).name == "00-welcome.ipynb"


def test_a_course_without_a_welcome_opens_at_its_first_notebook(course: Path) -> None:
    (course / "00-welcome.ipynb").unlink()

    assert lab.first_notebook(course).name == "01-first.ipynb"


def test_a_folder_without_notebooks_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="there is no notebook in .*--course"):
        lab.first_notebook(tmp_path)


def test_jupyterlab_serves_this_machine_alone_at_the_notebook(course: Path, told: list[list[str]]) -> None:
    port = free_port()

    assert cli.main(["lab", "--course", str(course), "--port", str(port), "--no-browser"]) == 0

    (options,) = told
    assert "--ServerApp.ip=127.0.0.1" in options
    assert f"--ServerApp.port={port}" in options
    assert "--ServerApp.port_retries=0" in options
    assert f"--ServerApp.root_dir={course.parent}" in options
    assert "--LabApp.default_url=/lab/tree/course/00-welcome.ipynb" in options
    assert "--no-browser" in options


def test_a_browser_is_opened_unless_told_otherwise(course: Path, told: list[list[str]]) -> None:
    assert cli.main(["lab", "--course", str(course)]) == 0
    assert "--no-browser" not in told[0]


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_only_where_root_runs_it(
    user: int, allowed: bool, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    assert ("--allow-root" in lab.options(course / "00-welcome.ipynb", port=1, browser=True)) == allowed


def test_without_a_port_the_first_free_one_is_chosen(
    course: Path, taken: int, told: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = free_port()
    monkeypatch.setattr(lab, "PORTS", [taken, free])

    assert cli.main(["lab", "--course", str(course)]) == 0
    assert f"--ServerApp.port={free}" in told[0]


def test_a_port_in_use_is_wrong_use_and_says_what_to_try(
    course: Path, taken: int, told: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lab", "--course", str(course), "--port", str(taken)]) == 2

    assert f"port {taken} is in use; choose another with --port" in capsys.readouterr().err
    assert told == []


def test_no_free_port_is_wrong_use(
    course: Path, taken: int, told: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab, "PORTS", range(taken, taken + 1))

    assert cli.main(["lab", "--course", str(course)]) == 2
    assert "are all in use" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "0"])
def test_a_number_that_is_no_port_is_wrong_use(
    port: str, course: Path, told: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lab", "--course", str(course), "--port", port]) == 2
    assert "ports go from 1 to 65535" in capsys.readouterr().err


def test_with_json_the_address_is_told_before_serving(
    course: Path, told: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()

    assert cli.main(["lab", "--course", str(course), "--port", str(port), "--json", "--no-browser"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "url": f"http://127.0.0.1:{port}/lab/tree/course/00-welcome.ipynb?token=open-sesame"
    }


def test_without_jupyterlab_it_says_how_to_get_it(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab, "find_spec", lambda name: None)

    assert cli.main(["lab", "--course", str(course)]) == 2
    assert "pip install 'payments-lab[lab]'" in capsys.readouterr().err


def test_outside_a_clone_the_folder_called_notebooks_here_is_the_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("payments_lab.__file__", str(tmp_path / "site-packages" / "payments_lab" / "__init__.py"))
    monkeypatch.chdir(tmp_path)

    assert cli.main(["lab"]) == 2
    assert f"there is no notebook in {tmp_path / 'notebooks'}" in capsys.readouterr().err


def test_the_courses_own_notebooks_are_trusted_so_that_their_pictures_show_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    page = new_notebook(cells=[new_code_cell("1", outputs=[new_output("stream", name="stdout", text="1")])])
    nbformat.write(page, tmp_path / "page.ipynb")
    assert not NotebookNotary().check_signature(nbformat.read(tmp_path / "page.ipynb", as_version=4))

    lab.trust(tmp_path)

    assert NotebookNotary().check_signature(nbformat.read(tmp_path / "page.ipynb", as_version=4))
