"""What the project promises of itself: one lock, nothing fetched from a named host, commands and targets that exist."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import payments_lab
from payments_lab import cli

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
TARGETS = ("setup", "lab", "test", "bench", "soak", "swarm", "kills", "notebooks", "lint")
HEAVY = {"stripe", "mongomock", "fakeredis", "fastapi", "ipywidgets", "pymongo", "redis", "pydantic", "nats"}

# In two parts each, so that this file does not name them either.
REGISTRIES = [".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("yarnpkg", "com"), ("anaconda", "org"),
    ("debian", "org"), ("ubuntu", "com"), ("crates", "io"), ("proxy.golang", "org"),
)]  # fmt: skip


def direct_requirements() -> list[Requirement]:
    """What pyproject.toml asks for, in all its extras; not the package itself."""
    lines = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    return [requirement for requirement in map(Requirement, lines) if requirement.name != PROJECT["name"]]


def pins(lines: list[str], folder: Path = ROOT) -> Iterator[Requirement]:
    """The pinned packages of a requirements file, hashes left out, and of the files that it takes in."""
    for line in lines:
        if line.startswith("-r "):
            yield from pins((folder / line.removeprefix("-r ")).read_text().splitlines(), folder)
        elif line and not line.startswith((" ", "#")):
            yield Requirement(line.rstrip(" \\"))


def locked() -> list[Requirement]:
    return list(pins(LOCK.read_text().splitlines()))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in map(ROOT.joinpath, listed.split("\0")) if path.is_file()]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=str)
def test_the_lock_holds_what_the_project_asks_for(requirement: Requirement) -> None:
    found = [pin for pin in locked() if canonical(pin.name) == canonical(requirement.name)]

    assert found, "run `make lock`"
    for pin in found:
        assert requirement.specifier.contains(str(pin.specifier).removeprefix("=="), prereleases=True), (
            "run `make lock`"
        )


def test_every_package_of_the_lock_has_one_version_and_its_hashes() -> None:
    stanzas = re.split(r"\n(?=[a-z0-9])", LOCK.read_text())

    for stanza in stanzas:
        assert re.match(r"[a-z0-9-]+==[^ ]+( ; .+)? \\\n    --hash=sha256:[0-9a-f]{64}", stanza), stanza[:200]


def test_the_lock_is_universal() -> None:
    markers = {str(pin.marker) for pin in locked() if pin.marker is not None}

    assert any("win32" in marker for marker in markers)
    assert any("python_full_version" in marker for marker in markers)


def test_the_lock_names_no_place() -> None:
    text = LOCK.read_text()

    assert "://" not in text
    assert not re.search(r"(?m)^\s*(--(?!hash=)|-[a-z] )| @ |[ (]/", text)


def test_the_environment_for_conda_and_binder_is_the_lock() -> None:
    (from_pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]

    assert [str(pin) for pin in pins(from_pip)] == [str(pin) for pin in locked()]


def test_the_environment_for_conda_and_binder_has_a_python_that_the_project_takes() -> None:
    (python,) = [str(entry) for entry in ENVIRONMENT["dependencies"] if str(entry).startswith("python=")]

    assert python == "python=3.11"
    assert "3.11" in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in ENVIRONMENT["dependencies"]


def test_binder_installs_the_package_itself_and_nothing_else_after_the_lock() -> None:
    script = ROOT / "postBuild"

    assert script.stat().st_mode & 0o111
    assert "pip install --no-deps --no-build-isolation --editable ." in script.read_text()


def test_no_file_names_a_package_registry() -> None:
    named = [
        (path.relative_to(ROOT), host)
        for path in tracked_files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]

    assert named == []


def test_no_file_holds_a_stripe_key() -> None:
    key = re.compile(rb"[sr]k_(live|test)_[0-9A-Za-z]{16,}")

    assert [path for path in tracked_files() if key.search(path.read_bytes())] == []


@pytest.mark.parametrize("target", TARGETS)
def test_make_has_the_target(target: str) -> None:
    plan = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert plan.returncode == 0, plan.stderr
    assert plan.stdout


def test_the_version_is_written_the_same_in_both_places() -> None:
    assert payments_lab.__version__ == PROJECT["version"]


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_commands_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    commands = set(re.findall(r"(?:payments-lab|-m payments_lab) ([a-z]+)", text))
    targets = set(re.findall(r"`make ([a-z]+)|^make ([a-z]+)", text, re.MULTILINE))
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert commands <= set(cli.available())
    assert {name for pair in targets for name in pair if name} <= known


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_files_that_a_page_links_to_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def examples() -> list[object]:
    blocks = [(page, block) for page in pages() for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S)]
    return [pytest.param(block, id=f"{page.name}-{number}") for number, (page, block) in enumerate(blocks)]


@pytest.mark.parametrize("example", examples())
@pytest.mark.anyio
async def test_an_example_on_a_page_runs_as_it_stands(example: str) -> None:
    code = compile(example, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    running = eval(code, {"__name__": "example"})
    if inspect.isawaitable(running):
        await running


def test_the_counterexample_in_the_readme_is_the_one_that_the_explorer_draws(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["explore", "the-course-charges-twice"]) == 1
    drawn = {line.strip() for line in capsys.readouterr().out.splitlines()}

    shown = (
        (ROOT / "README.md")
        .read_text()
        .split("payments-lab explore the-course-charges-twice\n```\n\n```\n")[1]
        .split("\n```")[0]
    )
    assert [line for line in shown.splitlines() if line.strip() not in drawn] == []


def test_the_picture_in_the_readme_is_the_one_that_the_demo_draws(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo"]) == 0

    assert capsys.readouterr().out.strip() in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("imports", ["import payments_lab", "import payments_lab.cli", "import payments_lab.__main__"])
def test_importing_the_package_loads_nothing_heavy(imports: str) -> None:
    code = f"{imports}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert HEAVY & {name.partition(".")[0] for name in loaded.split()} == set()


def test_verifying_loads_nothing_that_draws() -> None:
    found = "from payments_lab.explore.zoo.naive import NaivePaymentsService as Naive; import payments_lab, sys"
    code = f"{found}; payments_lab.verify(Naive, scenario='two-clicks'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert [name for name in loaded.split() if name.startswith("payments_lab.diagrams")] == []


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook that someone has saved with the marks of their machine in it."""
    page = new_notebook(
        cells=[
            new_markdown_cell("# A title", id="title"),
            new_code_cell("import pathlib\npathlib.Path.cwd().name", id="where", metadata={"tags": ["kept"]}),
            new_code_cell("await __import__('asyncio').sleep(0, 'later')", id="later", execution_count=7),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
            "language_info": {"name": "python", "version": "3.8.0"},
        },
    )
    page.cells[1].metadata["execution"] = {"iopub.execute_input": "2020-01-01T00:00:00Z"}
    path = tmp_path / "course" / "page.ipynb"
    path.parent.mkdir()
    nbformat.write(page, path)
    return path


def test_notebooks_are_run_again_in_place_and_come_out_the_same_every_time(notebook: Path) -> None:
    other = notebook.with_name("run-before.ipynb")
    page = nbformat.read(notebook, as_version=4)
    page.cells[1].metadata.pop("execution")
    page.cells[2].outputs = [new_output("stream", name="stdout", text="sooner")]
    nbformat.write(page, other)

    command = [sys.executable, "-m", "nbconvert", "--config", ".ci/notebooks.py", str(notebook), str(other)]
    subprocess.run(command, capture_output=True, check=True, cwd=ROOT)

    saved = json.loads(notebook.read_text())
    assert notebook.read_text() == other.read_text()
    assert [cell["metadata"] for cell in saved["cells"]] == [{}, {"tags": ["kept"]}, {}]
    assert [cell["outputs"][0]["data"]["text/plain"] for cell in saved["cells"][1:]] == [["'course'"], ["'later'"]]
    assert saved["metadata"]["language_info"] == {"name": "python"}
    assert sorted(notebook.parent.iterdir()) == [notebook, other]
