"""The table of figures: what a row says, how it is printed, how it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.bench_notebooks import WORKERS
from benchmarks.harness import Row, interleaved

FASTER = Row("deliveries", ours=3_000_000, peer=1_000_000, unit="/s", peer_name="SimPy", goal="3 times")
SLOWER = Row("start", ours=0.25, peer=0.125, unit="ms", peer_name="nothing at all", better="lower")


def test_a_ratio_above_one_is_better_than_the_peer_whichever_way_is_better() -> None:
    assert (FASTER.ratio, SLOWER.ratio) == (3.0, 0.5)


def test_two_things_are_timed_in_turn_after_a_warm_up() -> None:
    calls: list[str] = []

    ours, peer = interleaved(lambda: calls.append("ours"), lambda: calls.append("peer"), rounds=2)

    assert calls == ["ours", "peer"] * 3
    assert ours > 0
    assert peer > 0


def test_notebooks_are_timed_with_the_workers_that_make_test_gives_them() -> None:
    makefile = Path(__file__).parent.parent / "Makefile"

    assert f" {' '.join(WORKERS)} tests " in makefile.read_text()


def test_the_table_is_aligned_and_has_figures_that_can_be_read() -> None:
    heading, rule, *rows = run.table([FASTER, SLOWER]).splitlines()

    assert rows[0].startswith("deliveries  3,000,000  /s    1,000,000  SimPy")
    assert rows[1].startswith("start            0.25  ms        0.125  nothing at all")
    assert heading.index("goal") == rows[0].index("3 times")
    assert set(rule) == {"-"}


def test_results_say_what_they_were_measured_on_and_keep_what_did_not_run(tmp_path: Path) -> None:
    results = tmp_path / "results.json"

    run.save({"import": [FASTER], "gone": [FASTER]}, results)
    run.save({"import": [SLOWER]}, results)

    saved = json.loads(results.read_text())
    assert saved["machine"]["cpus"] >= 1
    assert saved["machine"]["python"].startswith("3.")
    assert [row["name"] for row in saved["benchmarks"]["import"]] == ["start"]
    assert saved["benchmarks"]["import"][0]["ratio"] == 0.5
    assert "gone" not in saved["benchmarks"]


def test_one_benchmark_can_be_run_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results.json"

    assert run.main(["--only", "import", "--output", str(results)]) == 0

    assert "import payments_lab, whole process" in capsys.readouterr().out
    (row,) = json.loads(results.read_text())["benchmarks"]["import"]
    assert row["ours"] - row["peer"] < 150


def test_a_benchmark_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["--only", "luck"])
    assert "import" in capsys.readouterr().err
