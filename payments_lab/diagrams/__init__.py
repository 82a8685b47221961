"""Pictures of what happened: stories of lanes and arrows, and tables, as text and as SVG or HTML."""

from payments_lab.diagrams.story import Call, Crash, Gap, Lane, Mark, Note, Receive, Send, Step, Story, StoryError
from payments_lab.diagrams.table import Table

__all__ = ["Call", "Crash", "Gap", "Lane", "Mark", "Note", "Receive", "Send", "Step", "Story", "StoryError", "Table"]
