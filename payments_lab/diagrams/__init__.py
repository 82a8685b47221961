"""Pictures of what happened: stories of lanes and arrows, and tables, as text, SVG, HTML and Mermaid."""

from payments_lab.diagrams.mermaid import to_mermaid
from payments_lab.diagrams.prose import to_prose
from payments_lab.diagrams.sense import StoryError
from payments_lab.diagrams.story import Arrow, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story
from payments_lab.diagrams.svg import to_svg
from payments_lab.diagrams.table import Table
from payments_lab.diagrams.text import to_text

__all__ = [
    "Arrow",
    "Crash",
    "Gap",
    "Lane",
    "Mark",
    "Note",
    "Receive",
    "Send",
    "Step",
    "Story",
    "StoryError",
    "Table",
    "to_mermaid",
    "to_prose",
    "to_svg",
    "to_text",
]
