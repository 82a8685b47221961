"""Diagrams as a browser draws them: its own letters, in other fonts than we measured, in both schemes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from payments_lab.diagrams import Arrow, Lane, Note, Story, to_svg
from payments_lab.diagrams.palette import DARK, LIGHT
from tests.diagrams.examples import EXAMPLES

FONTS = {"Helvetica's widths": "", "a wider font": "* {font-family: 'DejaVu Sans', Verdana !important}"}

FOREIGN = Story(
    "Жёлтый щит, ΩΨΦ, 日本語, 🎉🎉🎉",
    [Lane("a", "ЩЩЩЩ"), Lane("b", "ΩΩΩΩ"), Lane("c", "日本")],
    [
        Arrow("a", "b", "Широкая электрификация южных губерний даст мощный толчок"),
        Arrow("b", "c", "Ταχίστη αλώπηξ βαφής ψημένη γη, δρασκελίζει υπέρ νωθρού κυνός"),
        Arrow("c", "a", "非常に長いテキストがここにあります。改行できますか。はい、できます。", kind="reply"),
        Note("a", "صوت صفير البلبل هيج قلبي الثمل", "warn"),
        Note("b", "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า", "bad"),
        Note("c", "🎉 👩‍👩‍👧 🇩🇪 ☎️ ⚡ ①②③ ⅷ ㎏ ﷽"),
    ],
)
PICTURES = {**EXAMPLES, "letters from elsewhere": FOREIGN}

LETTERS = """() => [...document.querySelectorAll('svg text')].map(text => {
    const box = text.getBoundingClientRect();
    return {text: text.textContent, left: box.left, right: box.right, top: box.top, bottom: box.bottom};
})"""


def drawn(browser: Browser, html: str, scheme: str = "light", style: str = "") -> Page:
    page = browser.new_context(color_scheme=scheme, viewport={"width": 1000, "height": 800}).new_page()  # type: ignore[arg-type]
    page.set_content(f"<style>body {{margin: 0}} {style}</style>{html}")
    return page


def overlapping(boxes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Texts that share ink: the line boxes of a font are taller than its letters, so a fifth of them may meet."""

    def meet(one: dict[str, Any], other: dict[str, Any]) -> bool:
        across = min(one["right"], other["right"]) - max(one["left"], other["left"])
        down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
        return across > 1 and down > 0.2 * min(one["bottom"] - one["top"], other["bottom"] - other["top"])

    return [
        (one["text"], other["text"])
        for number, one in enumerate(boxes)
        for other in boxes[number + 1 :]
        if meet(one, other)
    ]


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("name", PICTURES)
def test_no_two_texts_overlap_in_a_real_font(browser: Browser, name: str, font: str) -> None:
    page = drawn(browser, to_svg(PICTURES[name]), style=FONTS[font])
    boxes = page.evaluate(LETTERS)
    sheet = page.locator("svg").bounding_box()
    page.context.close()

    assert len(boxes) > 10
    assert overlapping(boxes) == []
    assert sheet is not None
    assert all(box["left"] >= 0 and box["right"] <= sheet["width"] for box in boxes)


@pytest.mark.parametrize(("scheme", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_a_picture_follows_the_reader_s_scheme_inline_and_as_an_image(
    browser: Browser, scheme: str, colours: dict[str, str], screenshots: Path
) -> None:
    for name, story in EXAMPLES.items():
        page = drawn(browser, to_svg(story), scheme)
        assert colour_of(page, "svg text") == rgb(colours["ink"])
        page.locator("svg").screenshot(path=screenshots / f"diagram-{name}-{scheme}.png")
        page.context.close()

    page = drawn(browser, as_image(EXAMPLES["happy"]), scheme)
    page.wait_for_function("document.querySelector('img').complete")
    assert paper_of(page) == rgb(colours["paper"])
    page.context.close()


@pytest.mark.parametrize(("light", "colours"), [("true", LIGHT), ("false", DARK)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_inline_picture_follows_jupyterlab_s_theme_rather_than_the_system_s(
    browser: Browser, scheme: str, light: str, colours: dict[str, str]
) -> None:
    html = f'<div data-jp-theme-light="{light}" style="--jp-layout-color1: #123456">{to_svg(EXAMPLES["happy"])}</div>'
    page = drawn(browser, html, scheme)

    assert colour_of(page, "svg text") == rgb(colours["ink"])
    assert colour_of(page, "svg > rect.fill-paper") == rgb("#123456")
    page.context.close()


def colour_of(page: Page, selector: str) -> str:
    return page.locator(selector).first.evaluate("each => getComputedStyle(each).fill")


def rgb(colour: str) -> str:
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def as_image(story: Story) -> str:
    """As JupyterLab shows image/svg+xml: an image of its own, which no style of the page reaches."""
    encoded = base64.b64encode(to_svg(story).encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{encoded}">'


def paper_of(page: Page) -> str:
    """The colour of the paper in an image, near its upper left corner."""
    return page.evaluate("""() => {
        const image = document.querySelector('img'), canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const brush = canvas.getContext('2d');
        brush.drawImage(image, 0, 0);
        const [red, green, blue] = brush.getImageData(10, 10, 1, 1).data;
        return `rgb(${red}, ${green}, ${blue})`;
    }""")
