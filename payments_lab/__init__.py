"""A workbench for learning, teaching and testing an event-driven payments service."""
