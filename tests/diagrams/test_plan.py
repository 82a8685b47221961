"""Rows: which messages go straight, which travel, who is down."""

from __future__ import annotations

import pytest

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Note, Receive, Send, Step, Story
from payments_lab.diagrams.plan import Departure, Journey, Outage, plan

A, B, C = "abc"


def rows(*steps: Step) -> list[object]:
    return [row.content for row in plan(story(*steps)).rows]


def story(*steps: Step) -> Story:
    return Story("", [Lane(key, key.upper()) for key in (A, B, C)], steps)


def test_a_message_that_is_received_at_once_goes_straight() -> None:
    assert rows(Send("1", A, "hello", "small print"), Receive("1", C)) == [
        Journey(0, 2, "hello", "small print", "event")
    ]


def test_a_message_that_is_received_later_leaves_in_one_row_and_arrives_in_another() -> None:
    assert rows(Send("1", A, "hello", "small print"), Note(B, "meanwhile"), Receive("1", C)) == [
        Departure(0, 2, "hello", "small print", "travels"),
        Note(B, "meanwhile"),
        Journey(0, 2, "hello", "", "event", left=0),
    ]


def test_a_message_whose_sending_and_arrival_have_two_times_travels() -> None:
    assert rows(Send("1", A, "x", at="12:00"), Receive("1", B, at="12:01")) == [
        Departure(0, 1, "x", "", "travels"),
        Journey(0, 1, "x", "", "event", left=0),
    ]


def test_a_straight_message_has_the_small_print_of_both_its_ends() -> None:
    assert rows(Send("1", A, "x", "sent"), Receive("1", B, detail="kept")) == [
        Journey(0, 1, "x", "sent; kept", "event")
    ]


def test_one_message_may_go_straight_to_one_and_later_to_another() -> None:
    assert rows(Send("1", A, "hello"), Receive("1", B), Receive("1", C)) == [
        Journey(0, 1, "hello", "", "event"),
        Journey(0, 2, "hello", "", "event", left=0),
    ]


def test_a_second_arrival_at_the_same_lane_is_a_redelivery() -> None:
    _, second, third = rows(Send("1", A, "x"), *[Receive("1", B)] * 3)

    assert second == Journey(0, 1, "x", "", "redelivery", 2, left=0)
    assert third == Journey(0, 1, "x", "", "redelivery", 3, left=0)


def test_a_lost_attempt_counts_and_the_next_is_a_redelivery() -> None:
    lost, again = rows(Send("1", A, "x"), Receive("1", B, kind="lost"), Receive("1", B))

    assert lost == Journey(0, 1, "x", "", "lost")
    assert again == Journey(0, 1, "x", "", "redelivery", 2, left=0)


def test_the_author_may_count_the_attempts_and_name_the_kind() -> None:
    assert rows(Send("1", A, "x"), Receive("1", B, attempt=4)) == [Journey(0, 1, "x", "", "redelivery", 4)]
    assert rows(Send("1", A, "x"), Receive("1", B, kind="reply")) == [Journey(0, 1, "x", "", "reply")]


@pytest.mark.parametrize(("lane", "beside"), [(A, 1), (B, 2), (C, 1)])
def test_a_message_that_nobody_receives_points_to_the_lane_beside_it(lane: str, beside: int) -> None:
    (content,) = rows(Send("1", lane, "x"))

    assert isinstance(content, Departure)
    assert (content.toward, content.fate) == (beside, "pending")


def test_a_lost_message_points_to_where_it_was_going() -> None:
    assert rows(Send("1", C, "x", toward=A, fate="lost")) == [Departure(2, 0, "x", "", "lost")]


def test_messages_that_look_alike_are_numbered_when_one_of_them_travels() -> None:
    contents = rows(Send("1", A, "x"), Send("2", A, "x"), Receive("2", B), Receive("1", B))

    assert [content.label for content in contents if isinstance(content, Departure | Journey)] == [
        "x #1",
        "x #2",
        "x #1",
    ]


def test_messages_that_look_alike_and_go_straight_need_no_numbers() -> None:
    contents = rows(Send("1", A, "x"), Receive("1", B), Send("2", A, "x"), Receive("2", B))

    assert [content.label for content in contents if isinstance(content, Journey)] == ["x", "x"]


def test_a_margin_label_is_not_repeated_and_a_straight_message_has_that_of_its_sending() -> None:
    planned = plan(
        story(
            Note(A, "one", at="12:00"),
            Note(A, "two", at="12:00"),
            Gap("later"),
            Send("1", A, "x", at="12:01"),
            Receive("1", B),
            Note(B, "three", at="12:02"),
        )
    )

    assert [row.at for row in planned.rows] == ["12:00", "", "", "12:01", "12:02"]


def test_a_crashed_lane_is_down_until_it_takes_part_again() -> None:
    planned = plan(story(Crash(B), Note(A, "x"), Arrow(A, B, "hello?"), Crash(C)))

    assert planned.outages == (Outage(1, 0, 2), Outage(2, 3, None))
    assert [planned.down(1, row) for row in range(4)] == [True, True, False, False]


def test_a_message_that_is_lost_brings_nobody_back() -> None:
    assert plan(story(Crash(B), Arrow(A, B, "x", kind="lost"))).outages == (Outage(1, 0, None),)


def test_a_message_sent_before_the_crash_and_arriving_elsewhere_does_not_bring_its_sender_back() -> None:
    assert plan(story(Send("1", A, "x"), Crash(A), Receive("1", B))).outages == (Outage(0, 1, None),)
