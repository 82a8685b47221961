"""The front door: which commands there are, what they load, and how they end."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest

import payments_lab
from payments_lab import cli
from payments_lab.commands import UNPROVEN, WrongUse
from payments_lab.settings import SettingsError
from payments_lab.stores.connect import EngineUnavailable


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "payments_lab", *words], capture_output=True, text=True, check=False)


def pretend(monkeypatch: pytest.MonkeyPatch, *, status: int = 0, error: BaseException | None = None) -> None:
    """Let ``demo`` be a command that ends as told."""

    def end(arguments: argparse.Namespace) -> int:
        if error is not None:
            raise error
        return status

    module = SimpleNamespace(HELP="", configure=lambda parser: None, run=end)
    monkeypatch.setattr(cli, "load", lambda name: module)


@pytest.mark.parametrize("name", cli.available())
def test_the_list_of_commands_says_what_each_command_says_of_itself(name: str) -> None:
    assert cli.COMMANDS[name] == cli.load(name).HELP


@pytest.mark.parametrize("name", cli.available())
def test_every_command_offers_json_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def test_the_list_names_exactly_the_commands_that_are_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0

    listed = re.findall(r"^ {4}(\w+)", capsys.readouterr().out, re.MULTILINE)
    assert listed == cli.available()
    assert {"demo", "lab", "doctor"} <= set(listed)


def test_the_list_is_printed_without_loading_a_command() -> None:
    code = (
        "import sys; from payments_lab.cli import main; main(['--help']);"
        "print([name for name in sys.modules if name.startswith('payments_lab.commands.')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_packages_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"payments-lab {payments_lab.__version__}\n"


def test_no_command_gets_the_list_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "demo" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_use_and_the_known_ones_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pay"]) == 2
    assert "invalid choice: 'pay' (choose from" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--sed", "x", "--colour"]) == 2


def test_the_package_runs_as_a_module_and_hands_the_exit_status_on() -> None:
    assert run("--version").returncode == 0
    assert run("pay").returncode == 2


def test_the_module_is_the_front_door_only_where_it_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["payments_lab", "--version"])

    runpy.run_module("payments_lab.__main__", run_name="imported")
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("payments_lab", run_name="__main__", alter_sys=True)


def test_a_commands_own_status_is_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, status=UNPROVEN)

    assert cli.main(["demo"]) == 3


@pytest.mark.parametrize("error", [WrongUse("no"), SettingsError("no"), EngineUnavailable("no")])
def test_an_error_that_a_person_can_mend_is_one_line_and_wrong_use(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, error=error)

    assert cli.main(["demo"]) == 2
    assert capsys.readouterr() == ("", "payments-lab demo: no\n")


def test_with_json_such_an_error_is_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, error=WrongUse("no"))

    assert cli.main(["demo", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {"error": "no"}


def test_a_mistake_in_the_package_is_not_dressed_up_as_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, error=ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        cli.main(["demo"])


def test_ctrl_c_ends_quietly_with_the_shells_status_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, error=KeyboardInterrupt())

    assert cli.main(["demo"]) == 130


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """As in ``payments-lab demo | head -1``."""
    code = (
        "import sys, types; from payments_lab import cli;"
        "cli.load = lambda name: types.SimpleNamespace("
        "configure=lambda parser: None, run=lambda arguments: print('line\\n' * 100000) or 0);"
        "sys.exit(cli.main(['demo']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.readline()
        command.stdout.close()
        complaints = command.stderr.read()

    assert (command.returncode, complaints) == (0, b"")
