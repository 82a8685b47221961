"""progress, reset, report and collect, as a student and a teacher type them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from payments_lab.cli import main
from payments_lab.course.exercises import every
from payments_lab.course.progress import Progress, Record


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with two notebooks, and the student's shell in it."""
    folder = tmp_path / "clone" / "notebooks"
    folder.mkdir(parents=True)
    for name in ("00-welcome", "03-listeners"):
        (folder / f"{name}.ipynb").write_text(f'{{"pristine": "{name}"}}\n')
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "The course"]):
        git(folder.parent, *words)
    monkeypatch.chdir(folder.parent)
    monkeypatch.delenv("PAYMENTS_LAB_PROGRESS", raising=False)
    return folder


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def keep(course: Path, **records: Record) -> None:
    (course / ".progress.json").write_text(Progress(exercises=records).model_dump_json(by_alias=True))


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


SOLVED = Record(tries=2, solved=True, misconceptions={"by id alone": 1})
SHOWN = Record(tries=1, solved=True, revealed=True, hints=3)


# progress


def test_progress_is_a_table_and_what_comes_next(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(course, **{"03.1-too-early": SOLVED})

    assert main(["progress"]) == 0

    told = capsys.readouterr().out
    assert told.startswith(f"1 of {len(list(every()))} solved")
    assert "next: 00." in told


def test_progress_in_json(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(course, **{"03.1-too-early": SOLVED})

    assert main(["progress", "--json"]) == 0

    told = said(capsys)
    assert told["solved"] == 1
    assert told["of"] == len(told["exercises"])
    assert told["exercises"]["03.1-too-early"]["tries"] == 2


def test_when_all_is_solved_nothing_comes_next(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["progress", "--json"])
    keep(course, **dict.fromkeys(said(capsys)["exercises"], SOLVED))

    assert main(["progress"]) == 0

    assert capsys.readouterr().out.endswith("all solved\n")


def test_a_file_of_progress_that_is_missing_or_spoilt_is_said(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["progress", "--file", "nowhere.json"]) == 2
    assert "there is no file nowhere.json" in capsys.readouterr().err

    (course / ".progress.json").write_text("{")
    assert main(["progress"]) == 2
    assert "move it away" in capsys.readouterr().err
    assert main(["report", "--name", "Ada"]) == 2


# reset


@pytest.mark.parametrize("word", ["03", "03-listeners", "03-listeners.ipynb", "notebooks/03-listeners.ipynb"])
def test_reset_brings_a_notebook_back_and_keeps_the_old_one(
    word: str, course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "03-listeners.ipynb").write_text("mine")

    assert main(["reset", word]) == 0

    assert "pristine" in (course / "03-listeners.ipynb").read_text()
    assert (course / "03-listeners.mine-1.ipynb").read_text() == "mine"
    assert "yours is kept as 03-listeners.mine-1.ipynb" in capsys.readouterr().out


def test_reset_never_overwrites_what_it_kept(course: Path) -> None:
    for words in ("first", "second"):
        (course / "03-listeners.ipynb").write_text(words)
        assert main(["reset", "03"]) == 0

    kept = [(course / f"03-listeners.mine-{number}.ipynb").read_text() for number in (1, 2)]
    assert kept == ["first", "second"]


def test_reset_keeps_nothing_where_nothing_differs(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reset", "03", "--json"]) == 0

    told = said(capsys)
    assert told == {"notebook": "03-listeners.ipynb", "ref": "HEAD", "kept": None, "predictionsForgotten": 0}
    assert sorted(path.name for path in course.glob("*.ipynb")) == ["00-welcome.ipynb", "03-listeners.ipynb"]


@pytest.mark.parametrize("word", ["03", "03-listeners", "notebooks/03-listeners.ipynb"])
def test_reset_brings_back_a_notebook_that_was_deleted(word: str, course: Path) -> None:
    (course / "03-listeners.ipynb").unlink()

    assert main(["reset", word]) == 0

    assert "pristine" in (course / "03-listeners.ipynb").read_text()


def test_reset_takes_a_notebook_from_the_commit_that_is_named(course: Path) -> None:
    (course / "03-listeners.ipynb").write_text("a later edition")
    git(course.parent, "commit", "-qam", "A later edition")

    assert main(["reset", "03", "--ref", "HEAD~1"]) == 0

    assert "pristine" in (course / "03-listeners.ipynb").read_text()


def test_reset_changes_nothing_while_the_file_of_progress_is_spoilt(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "03-listeners.ipynb").write_text("mine")
    (course / ".progress.json").write_text("{")

    assert main(["reset", "03"]) == 2

    assert "move it away" in capsys.readouterr().err
    assert (course / "03-listeners.ipynb").read_text() == "mine"


def test_reset_takes_the_course_from_upstream_when_the_student_commits(course: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    git(tmp_path, "clone", "-q", str(course.parent), str(mine))
    notebook = mine / "notebooks" / "03-listeners.ipynb"
    notebook.write_text("committed by mistake")
    git(mine, "commit", "-qam", "My answers")

    assert main(["reset", str(notebook)]) == 0

    assert "pristine" in notebook.read_text()


def test_reset_lets_predictions_be_made_anew_and_keeps_what_is_solved(course: Path) -> None:
    keep(
        course,
        **{"03.1-too-early": SOLVED, "03.3-once": Record(prediction=2, solved=True), "00.1-kept": Record(prediction=1)},
    )

    assert main(["reset", "03"]) == 0

    kept = Progress.model_validate_json((course / ".progress.json").read_text()).exercises
    assert kept["03.3-once"].prediction is None
    assert kept["03.3-once"].solved
    assert kept["00.1-kept"].prediction == 1


def test_reset_says_what_it_can_not_do(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["reset", "99"]) == 2
    assert "no notebook of the course; there is 00-welcome, 03-listeners" in capsys.readouterr().err

    assert main(["reset", "03", "--ref", "nonsense"]) == 2
    assert "there is no commit or branch nonsense" in capsys.readouterr().err
    assert main(["reset", "notebooks/03-listeners.ipynb", "--ref", "nonsense"]) == 2
    assert "nonsense has no 03-listeners.ipynb" in capsys.readouterr().err

    outside = tmp_path / "03-listeners.ipynb"
    outside.write_text("mine")
    assert main(["reset", str(outside)]) == 2
    assert "no clone of the project" in capsys.readouterr().err
    assert outside.read_text() == "mine"

    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["reset", "03"]) == 2
    assert "git is not installed" in capsys.readouterr().err


# report and collect


def hand_in(course: Path, student: str, to: Path, **records: Record) -> None:
    to.mkdir(exist_ok=True)
    keep(course, **records)
    assert main(["report", "--name", student, "--to", str(to)]) == 0


def test_a_report_is_one_json_file_and_one_page_that_name_nothing_of_the_machine(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(course, "Ada <Lovelace>", tmp_path / "in", **{"03.1-too-early": SOLVED, "05.1-yen": Record(prediction=1)})

    data = json.loads((tmp_path / "in" / "report-Ada-Lovelace.json").read_text())
    page = (tmp_path / "in" / "report-Ada-Lovelace.html").read_text()
    assert data["student"] == "Ada <Lovelace>"
    assert [each["state"] for each in data["exercises"] if each["id"] == "03.1-too-early"] == ["solved"]
    assert "by id alone" in page
    assert "Ada &lt;Lovelace&gt;" in page
    assert "<Lovelace>" not in page
    assert "<script" not in page
    assert str(tmp_path) not in page + json.dumps(data)
    assert "1 of" in capsys.readouterr().out


def test_a_report_without_a_name_names_nobody(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "lovelace")
    keep(course, **{"03.1-too-early": SOLVED})

    assert main(["report"]) == 0

    data, page = Path("report.json").read_text(), Path("report.html").read_text()
    assert json.loads(data)["student"] == ""
    assert f"1 of {len(list(every()))} solved" in page
    assert "lovelace" not in data + page


def test_a_report_wants_a_name_that_prints_and_a_folder(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--name", "Ada\x07"]) == 2
    assert "a name that can be printed" in capsys.readouterr().err
    assert main(["report", "--name", "Ada", "--to", "nowhere"]) == 2
    assert "no folder nowhere" in capsys.readouterr().err


def test_a_file_that_can_not_be_written_is_said(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "report-Ada.json").mkdir(parents=True)
    assert main(["report", "--name", "Ada", "--to", str(tmp_path / "in")]) == 2
    assert "report-Ada.json can't be written: Is a directory" in capsys.readouterr().err

    hand_in(course, "Ada", tmp_path / "class")
    assert main(["collect", str(tmp_path / "class"), "--html", str(tmp_path / "nowhere" / "class.html")]) == 2
    assert "class.html can't be written: No such file" in capsys.readouterr().err


def test_a_report_in_json_says_where_it_is(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--name", "Ada", "--json"]) == 0

    assert said(capsys)["files"] == ["report-Ada.json", "report-Ada.html"]


@pytest.fixture
def predicted() -> tuple[str, Any]:
    """An exercise of the course that is a prediction, and what happens there."""
    from payments_lab.course.prediction import Predict

    found = next(each for each in every() if isinstance(each, Predict))
    return found.id, found.truth


def test_a_class_in_one_table_with_predictions_and_misconceptions(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], predicted: tuple[str, Any]
) -> None:
    question, truth = predicted
    folder = tmp_path / "class"
    hand_in(course, "Ada", folder, **{"03.1-too-early": SOLVED, question: Record(prediction=truth)})
    hand_in(course, "Grace", folder, **{"03.1-too-early": SHOWN, question: Record(prediction="never")})
    capsys.readouterr()

    assert main(["collect", str(folder), "--html", str(tmp_path / "class.html"), "--json"]) == 0

    told = said(capsys)
    assert [(row["student"], row["03"], row["all"]) for row in told["solved"]] == [("Ada", 1, 1), ("Grace", 1, 1)]
    assert {(row["answer"], row["it is"], row["students"]) for row in told["predictions"]} == {
        (str(truth), "right", 1),
        ("never", "wrong", 1),
    }
    assert [(row["misconception"], row["students"]) for row in told["misconceptions"]] == [("by id alone", 1)]
    assert "by id alone" in (tmp_path / "class.html").read_text()

    assert main(["collect", str(folder)]) == 0
    assert "2 students" in capsys.readouterr().out


def test_students_stand_by_name_and_misconceptions_by_how_many_met_them(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "class"
    hand_in(
        course,
        "Grace",
        folder,
        **{"03.1-too-early": Record(tries=2, misconceptions={"the copy deleted": 1, "rare": 9})},
    )
    (folder / "report-Grace.json").rename(folder / "a.json")
    hand_in(
        course,
        "Ada",
        folder,
        **{"03.1-too-early": Record(tries=2, misconceptions={"the copy deleted": 1, "by id alone": 1})},
    )
    hand_in(course, "Mary", folder, **{"12.2-webhooks": Record(tries=2, misconceptions={"late": 1})})
    capsys.readouterr()

    assert main(["collect", str(folder), "--json"]) == 0

    told = said(capsys)
    assert [row["student"] for row in told["solved"]] == ["Ada", "Grace", "Mary"]
    assert [(row["misconception"], row["students"]) for row in told["misconceptions"]] == [
        ("the copy deleted", 2),
        ("by id alone", 1),
        ("rare", 1),
        ("late", 1),
    ]


def test_the_right_answer_comes_first_and_then_the_most_common(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], predicted: tuple[str, Any]
) -> None:
    question, truth = predicted
    for student, answer in zip(("Ada", "Alan", "Edsger", "Grace"), ("never", truth, "always", "never"), strict=True):
        hand_in(course, student, tmp_path / "class", **{question: Record(prediction=answer)})
    capsys.readouterr()

    assert main(["collect", str(tmp_path / "class"), "--json"]) == 0

    assert [(row["answer"], row["students"], len(row["share"])) for row in said(capsys)["predictions"]] == [
        (str(truth), 1, 12),
        ("never", 2, 24),
        ("always", 1, 12),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "invalid json"),
        ("[]", "should be an object"),
        ('{"kind": "a letter", "student": "Ada", "exercises": []}', "it says that it is a 'a letter'"),
        ('{"version": 2, "student": "Ada", "exercises": []}', "version"),
        ('{"student": "Ada", "exercises": [{}]}', "exercises.0"),
    ],
)
def test_a_file_that_is_no_report_is_named_and_left_out(
    content: str, reason: str, course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(course, "Ada", tmp_path / "class")
    (tmp_path / "class" / "spoilt.json").write_text(content)

    assert main(["collect", str(tmp_path / "class")]) == 1

    told = capsys.readouterr()
    assert "1 student\n" in told.out
    assert "spoilt.json is left out" in told.err
    assert reason in told.err


def test_what_can_not_be_read_is_named_and_left_out(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(course, "Ada", tmp_path / "class")
    (tmp_path / "class" / "folder.json").mkdir()

    assert main(["collect", str(tmp_path / "class")]) == 1

    assert "folder.json is left out" in capsys.readouterr().err


def test_reports_without_a_name_go_by_the_names_of_their_files(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for student in ("seat-1", "seat-2"):
        (tmp_path / "class" / student).mkdir(parents=True)
        assert main(["report", "--to", str(tmp_path / "class" / student)]) == 0
    capsys.readouterr()

    assert main(["collect", str(tmp_path / "class"), "--json"]) == 0

    assert [row["student"] for row in said(capsys)["solved"]] == ["seat-1/report", "seat-2/report"]


def test_of_two_reports_of_one_student_the_first_counts(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(course, "Ada", tmp_path / "class")
    again = (tmp_path / "class" / "report-Ada.json").read_text()
    (tmp_path / "class" / "zzz.json").write_text(again)

    assert main(["collect", str(tmp_path / "class")]) == 1

    assert "zzz.json is left out: a second report of Ada" in capsys.readouterr().err


def test_collect_wants_a_folder_with_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", str(tmp_path / "nowhere")]) == 2
    assert main(["collect", str(tmp_path)]) == 2
    assert "payments-lab report" in capsys.readouterr().err
