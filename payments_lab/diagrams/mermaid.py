"""A story as a Mermaid sequence diagram. Source: https://mermaid.js.org/syntax/sequenceDiagram.html"""

from __future__ import annotations

from payments_lab.diagrams.story import Call, Crash, Mark, Note, Receive, Send, Step, Story


def to_mermaid(story: Story) -> str:
    """Lines of ``sequenceDiagram``; lanes become ``p0``, ``p1``, … so that any title is allowed."""
    names = {lane.key: f"p{number}" for number, lane in enumerate(story.lanes)}
    sends = story.sends()
    received = {step.key for step in story.steps if isinstance(step, Receive)}
    everywhere = ",".join(dict.fromkeys([names[story.lanes[0].key], names[story.lanes[-1].key]]))
    lines = ["sequenceDiagram", *(f"  participant {names[lane.key]} as {escape(lane.title)}" for lane in story.lanes)]
    for step in story.steps:
        lines += [f"  {line}" for line in _lines(step, names, sends, received, everywhere)]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text with what Mermaid would read as syntax written as character codes."""
    return "".join(_escaped(character) for character in " ".join(text.split())) or " "


def _escaped(character: str) -> str:
    return f"#{ord(character)};" if character in "#;<>{}\"'`%:+-()[]\\" else character


def _lines(step: Step, names: dict[str, str], sends: dict[str, Send], received: set[str], everywhere: str) -> list[str]:
    if isinstance(step, Send):
        return [] if step.key in received else [f"Note over {names[step.lane]}: {escape(step.label + ' (on its way)')}"]
    if isinstance(step, Receive):
        send = sends[step.key]
        note = f" ({step.note})" if step.note else ""
        label = f"{'again, ' if step.again else ''}{send.label}{note}"
        return [f"{names[send.lane]}{'--' if step.again else '-'}){names[step.lane]}: {escape(label)}"]
    if isinstance(step, Call):
        arrow = ("--" if step.reply else "-") + ("x" if step.lost else ">>")
        return [f"{names[step.source]}{arrow}{names[step.target]}: {escape(step.label)}"]
    if isinstance(step, Note):
        return [f"Note over {names[step.lane]}: {escape(step.text)}"]
    if isinstance(step, Crash):
        return [f"Note over {names[step.lane]}: {escape('✗ ' + step.text)}"]
    if isinstance(step, Mark):
        return ["rect rgb(255, 220, 220)", f"Note over {everywhere}: {escape('✗ ' + step.text)}", "end"]
    return [f"Note over {everywhere}: {escape(step.text)}"]
