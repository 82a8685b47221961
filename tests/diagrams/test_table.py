"""Tables, as text and as HTML."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_lab.diagrams import Table
from payments_lab.diagrams.table import TableError
from payments_lab.diagrams.wrapping import cells, clean
from tests.diagrams.examples import words

ORDERS = [
    {"_id": "ord_1", "price": 2000, "status": "complete", "ticket": {"id": "tick_1", "price": 2000}},
    {"_id": "ord_2", "price": 5, "status": "created", "paid": False},
]


def test_documents_are_rows_under_rules_with_numbers_on_the_right() -> None:
    assert str(Table.of_documents(ORDERS, title="orders", caption="Two orders.")).split("\n") == [
        "orders",
        "─────────────────────────────────────────────────────",
        "_id    price  status    ticket                   paid",
        "─────────────────────────────────────────────────────",
        "ord_1   2000  complete  id: tick_1, price: 2000  –",
        "ord_2      5  created   –                        no",
        "─────────────────────────────────────────────────────",
        "Two orders.",
    ]


def test_columns_may_be_chosen_and_ordered() -> None:
    table = Table.of_documents(ORDERS, columns=("status", "_id"))

    assert table.columns == ("status", "_id")
    assert table.rows == (("complete", "ord_1"), ("created", "ord_2"))


def test_a_wide_cell_wraps_and_rows_are_set_apart_then() -> None:
    table = Table(["mistake", "caught"], [["dollars for cents " * 8, "yes"], ["no currency", "no"]])
    lines = table.text(60).split("\n")

    assert max(map(cells, lines)) <= 60
    assert lines[3].endswith("yes")
    assert lines[-3:-1] == ["", f"{'no currency':<{lines[3].index('yes')}}no"]


def test_rows_that_do_not_fit_their_columns_are_refused() -> None:
    with pytest.raises(TableError, match=r"row 2 has 1 values for 2 columns \(a, b\)"):
        Table(["a", "b"], [[1, 2], [3]])


def test_no_rows_and_no_columns_say_so() -> None:
    assert "(none)" in str(Table(["a"], []))
    assert str(Table.of_documents([], title="payments.orders")) == "payments.orders\n(none)"
    assert "<em>none</em>" in Table(["a"]).html()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (True, "yes"),
        (1.5, "1.5"),
        (datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "2026-01-02 03:04:05"),
        ({"a": [1, {"b": None}]}, "a: 1, b: –"),
        (("x", "y"), "x, y"),
        ("two\nlines", "two lines"),
    ],
)
def test_values_are_shown_as_a_reader_wants_to_see_them(value: object, shown: str) -> None:
    table = Table(["value"], [[value]])

    assert table.text().split("\n")[3].strip() == shown
    assert f">{shown}</td>" in table.html()


def test_a_column_of_numbers_with_gaps_stays_on_the_right_and_one_of_mixed_values_on_the_left() -> None:
    html = Table(["number", "mixed", "truth"], [[1, 1, True], [None, "one", False]]).html()

    assert [part.split(";")[0] for part in html.split('<th scope="col" style="text-align:')[1:]] == [
        "right",
        "left",
        "left",
    ]


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.said: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style", "scope", "colspan"}

    def handle_data(self, data: str) -> None:
        self.said.append(data)


@given(st.lists(st.tuples(words, words), max_size=5), words, words)
def test_whatever_the_cells_say_html_stays_a_table_and_nothing_is_lost(
    rows: list[tuple[str, str]], title: str, caption: str
) -> None:
    table = Table((title, "second"), rows, title, caption)
    found = Words(table.html())

    assert found.tags <= {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "em"}
    said = "".join(found.said)
    text = "".join(table.text().split())
    for word in [title, caption, *(cell for row in rows for cell in row)]:
        assert clean(word) in said
        if cells(clean(word)) <= 20:
            assert "".join(clean(word).split()) in text


def test_html_is_well_formed_and_takes_its_colours_from_the_page() -> None:
    html = Table.of_documents(ORDERS, title="a & b", caption="<c>").html()

    ElementTree.fromstring(html)
    assert "var(--jp-" in html
    assert "currentColor" in html


@given(st.lists(st.lists(words, min_size=3, max_size=3), max_size=4), st.integers(40, 100))
def test_the_columns_of_the_text_line_up_and_keep_to_the_width(rows: list[list[str]], width: int) -> None:
    lines = Table(["one", "two", "three"], rows).text(width).split("\n")

    assert max(map(cells, lines)) <= width
    assert lines[0] == lines[2] == lines[-1]


def test_a_table_shows_itself_as_text_and_as_html() -> None:
    table = Table(["a"], [[1]])

    assert table._repr_mimebundle_(include=None) == {"text/plain": str(table), "text/html": table.html()}
