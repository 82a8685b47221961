"""The picture: valid, self-contained, and no two texts of it overlap, whatever the story says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings

from payments_lab.diagrams import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story, to_prose, to_svg
from payments_lab.diagrams.typeface import ASCENT, DESCENT, width
from payments_lab.diagrams.wrapping import clean
from tests.diagrams.examples import EXAMPLES, HOSTILE, stories, texts_of

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Box:
    """Where a text stands on the sheet."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        slack = 0.3  # positions are written with one decimal
        return (
            min(self.right, other.right) - max(self.left, other.left) > slack
            and min(self.bottom, other.bottom) - max(self.top, other.top) > slack
        )


def boxes(root: ElementTree.Element) -> list[Box]:
    return [box_of(text) for text in root.iter(f"{SVG}text")]


def box_of(text: ElementTree.Element) -> Box:
    words = "".join(text.itertext())
    size = float(text.get("font-size", "13"))
    wide = float(text.get("textLength", width(words, size, bold=text.get("font-weight") == "700")))
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "start")]
    left, base = float(text.get("x", "")) - wide * shift, float(text.get("y", ""))
    return Box(words, left, base - size * ASCENT, left + wide, base + size * DESCENT)


def overlapping(found: list[Box]) -> list[tuple[str, str]]:
    ordered = sorted(found, key=lambda box: box.top)
    pairs: list[tuple[str, str]] = []
    for number, box in enumerate(ordered):
        for other in ordered[number + 1 :]:
            if other.top >= box.bottom:
                break
            if box.overlaps(other):
                pairs.append((box.text, other.text))
    return pairs


def squashed(text: str) -> str:
    return "".join(text.split())


@given(stories())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_story_is_valid_xml_in_which_no_two_texts_overlap_and_none_leaves_the_sheet(story: Story) -> None:
    root = ElementTree.fromstring(to_svg(story))

    found = boxes(root)
    assert overlapping(found) == []
    _, _, wide, tall = map(float, root.get("viewBox", "").split())
    assert [box for box in found if box.left < 0 or box.top < 0 or box.right > wide or box.bottom > tall] == []


@given(stories(max_lanes=6, max_steps=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_word_of_the_story_is_in_the_picture(story: Story) -> None:
    shown = squashed("".join(box.text for box in boxes(ElementTree.fromstring(to_svg(story)))))

    for text in [*texts_of(story), *(lane.title for lane in story.lanes)]:
        assert squashed(clean(text)) in shown


def test_the_check_of_overlaps_sees_an_overlap() -> None:
    moved = re.sub(r' y="[\d.]+"( text|>| font)', r' y="50"\1', to_svg(EXAMPLES["happy"]))

    assert overlapping(boxes(ElementTree.fromstring(moved)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_story_gives_the_same_bytes(name: str) -> None:
    story = EXAMPLES[name]

    assert to_svg(story) == to_svg(Story(story.title, list(story.lanes), list(story.steps), story.conclusion))


def test_a_picture_contains_no_script_no_link_and_nothing_from_elsewhere() -> None:
    for story in (*EXAMPLES.values(), hostile()):
        root = ElementTree.fromstring(to_svg(story))
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "title", "desc", "style", "rect", "path", "circle", "text",
        }  # fmt: skip
        names = {name for element in root.iter() for name in element.attrib}
        assert not any(name.startswith("on") or "href" in name for name in names)
        assert not re.search(r"url\(|@import|https?:", "".join(root.find(f"{SVG}style").itertext()))  # type: ignore[union-attr]


def hostile() -> Story:
    lanes = [Lane(str(number), text) for number, text in enumerate(HOSTILE)]
    steps: list[Step] = [Arrow("0", "1", text, text) for text in HOSTILE]
    return Story(HOSTILE[0], lanes, [*steps, *(Note("2", text, "bad") for text in HOSTILE)], HOSTILE[1])


def test_a_screen_reader_is_told_the_title_and_the_story_in_sentences() -> None:
    root = ElementTree.fromstring(to_svg(EXAMPLES["crash"]))
    title, words = root.find(f"{SVG}title"), root.find(f"{SVG}desc")

    assert root.get("role") == "img"
    assert title is not None
    assert words is not None
    assert title.text == "A crash between the charge and the payment"
    assert words.text == to_prose(EXAMPLES["crash"])
    assert (root.get("aria-labelledby"), root.get("aria-describedby")) == (title.get("id"), words.get("id"))


def test_two_stories_on_one_page_have_different_ids() -> None:
    ids = [re.findall(r'id="([^"]+)"', to_svg(story)) for story in EXAMPLES.values()]

    assert len({each for found in ids for each in found}) == 2 * len(EXAMPLES)


def elements(tag: str, *steps: Step) -> list[ElementTree.Element]:
    lanes = [Lane("a", "A"), Lane("b", "B"), Lane("c", "C")]
    return list(ElementTree.fromstring(to_svg(Story("", lanes, steps))).iter(f"{SVG}{tag}"))


def paths(*steps: Step) -> list[ElementTree.Element]:
    return elements("path", *steps)


def slanted(found: list[ElementTree.Element]) -> list[ElementTree.Element]:
    slopes = (re.fullmatch(r"M[\d.]+ ([\d.]+)L[\d.]+ ([\d.]+)", path.get("d", "")) for path in found)
    return [path for path, slope in zip(found, slopes, strict=True) if slope and slope[1] != slope[2]]


def test_a_message_that_travels_is_a_slanted_line_and_its_redelivery_a_dashed_one() -> None:
    assert slanted(paths(Send("1", "a", "x"), Receive("1", "b"))) == []

    first, second = slanted(paths(Send("1", "a", "x"), Note("c", "y"), Receive("1", "b"), Receive("1", "b")))

    assert first.get("stroke-dasharray") is None
    assert second.get("stroke-dasharray") is not None
    assert first.get("class") != second.get("class")


def test_the_line_of_a_late_redelivery_begins_behind_dots_near_its_end() -> None:
    def heights(*between: Step) -> list[float]:
        steps = [Send("1", "a", "x"), Receive("1", "b"), *between, Receive("1", "b")]
        ends = (re.findall(r"[ML][\d.]+ ([\d.]+)", path.get("d", "")) for path in slanted(paths(*steps)))
        return [float(low) - float(high) for high, low in ends]

    assert len(heights(Note("c", "y"))) == 1
    assert heights(*[Note("c", "y")] * 20) == [pytest.approx(3.2), pytest.approx(16 * 0.95, abs=1.5)]


@pytest.mark.parametrize(("kind", "dashed"), [("event", 0), ("call", 0), ("reply", 1), ("error", 1), ("redelivery", 1)])
def test_replies_errors_and_redeliveries_are_dashed(kind: str, dashed: int) -> None:
    found = paths(Arrow("a", "b", "x", kind=kind))  # type: ignore[arg-type]

    assert sum(path.get("stroke-dasharray") is not None for path in found) == dashed


def test_what_is_lost_ends_in_a_red_cross() -> None:
    for steps in (
        [Arrow("a", "b", "x", kind="lost")],
        [Send("1", "a", "x", fate="lost")],
        [Send("1", "a", "x"), Receive("1", "b", kind="lost")],
    ):
        assert sum("stroke-bad" in path.get("class", "") for path in paths(*steps)) == 1
    assert not any("stroke-bad" in path.get("class", "") for path in paths(Send("1", "a", "x")))


def test_colour_is_never_the_only_sign() -> None:
    def signs(*steps: Step) -> int:
        return sum(path.get("transform") is not None for path in paths(*steps))

    assert signs(Note("a", "x"), Arrow("a", "b", "y"), Arrow("b", "a", "z", kind="reply")) == 0
    for tone in ("good", "warn", "bad"):
        assert signs(Note("a", "x", tone)) == 1  # type: ignore[arg-type]
    for kind in ("error", "redelivery"):
        assert signs(Arrow("a", "b", "x", kind=kind)) == 1  # type: ignore[arg-type]
    assert signs(Crash("a")) == signs(Mark("x")) == 1


def test_a_mark_goes_across_all_lanes_and_points_at_those_it_concerns() -> None:
    def pointers(*lanes: str) -> int:
        return sum(path.get("class") == "fill-bad" for path in paths(Mark("broken", lanes)))

    band = next(path for path in paths(Mark("broken")) if path.get("class") == "fill-bad-note")
    left, right = map(float, re.findall(r"[MH]([\d.]+)", band.get("d", ""))[:2])
    middles = [box.get("x") for box in elements("text") if box.text in "ABC"]

    assert all(left < float(x or 0) < right for x in middles)
    assert (pointers(), pointers("a"), pointers("a", "c")) == (0, 1, 2)


def test_time_that_passes_interrupts_every_lifeline() -> None:
    def lifelines(*steps: Step) -> int:
        return sum(bool(re.fullmatch(r"M[\d.]+ [\d.]+V[\d.]+", path.get("d", ""))) for path in paths(*steps))

    assert lifelines(Note("a", "x")) == 3
    assert lifelines(Gap("5 seconds pass")) == 6


def test_a_lane_that_is_down_has_a_dotted_lifeline() -> None:
    def dotted(*steps: Step) -> int:
        found = paths(*steps)
        return sum("V" in path.get("d", "") and path.get("stroke-dasharray") is not None for path in found)

    assert dotted(Note("a", "x")) == 0
    assert dotted(Crash("a"), Note("b", "x"), Note("a", "y")) == 1


def test_a_tall_picture_names_its_lanes_again_at_the_end() -> None:
    def titles(steps: int) -> int:
        return sum(text.text == "A" for text in elements("text", *[Note("b", "x")] * steps))

    assert titles(3) == 1
    assert titles(40) == 2


def test_without_any_style_sheet_the_picture_is_the_light_one() -> None:
    for element in elements("text", Note("a", "x", "bad"), Arrow("a", "b", "y", "small", at="12:00")):
        assert re.fullmatch(r"#[0-9a-f]{6}", element.get("fill", ""))
    for shape in ("rect", "path", "circle"):
        for element in elements(
            shape, Note("a", "x", "bad"), Crash("b"), Gap("t"), Mark("m", ["a"]), Send("1", "a", "x")
        ):
            assert element.get("fill")


def test_letters_of_known_width_are_held_to_it_and_others_are_left_alone() -> None:
    known, unknown = elements("text", Note("a", "known"), Note("b", "日本"))[-2:]

    assert float(known.get("textLength", "0")) == pytest.approx(width("known", 13), abs=0.1)
    assert unknown.get("textLength") is None


LONG = "words enough to be wrapped into some lines, and some more of them"


def lane_places(found: list[ElementTree.Element]) -> list[float]:
    return [float(text.get("x", "")) for text in found if text.text in ("A", "B", "C")]


@pytest.mark.parametrize("step", [Note("b", LONG), Crash("b", LONG), Note("a", LONG), Note("c", LONG)])
def test_a_box_on_a_lane_keeps_clear_of_the_lanes_beside_it(step: Step) -> None:
    places = lane_places(elements("text", step))
    box = elements("rect", step)[-1]
    left, right = float(box.get("x", "")), float(box.get("x", "")) + float(box.get("width", ""))

    assert sum(left < place < right for place in places) == 1
    assert all(min(abs(place - left), abs(place - right)) > 8 for place in places)


@pytest.mark.parametrize(
    "steps",
    [
        [Arrow("a", "b", LONG)],
        [Arrow("b", "a", LONG)],
        [Arrow("a", "c", LONG)],
        [Send("1", "a", LONG), Note("c", "x"), Receive("1", "b")],
        [Arrow("a", "a", LONG)],
    ],
)
def test_a_long_label_stays_between_its_lanes_in_a_few_lines(steps: list[Step]) -> None:
    found = elements("text", *steps)
    first, second, third = lane_places(found)
    end = third if steps == [Arrow("a", "c", LONG)] else second
    lines = [box_of(text) for text in found if text.text not in ("A", "B", "C", "x")]

    assert len(lines) <= 6
    assert all(first < line.left and line.right < end for line in lines)


def test_lanes_move_apart_for_a_label_over_several_of_them() -> None:
    found = elements("text", Arrow("a", "c", LONG))

    assert sum(text.text not in ("A", "B", "C") for text in found) == 2
