"""Notebooks run by tests keep nobody's progress: what a student has solved stays theirs, and outputs stay the same."""

import os

os.environ["PAYMENTS_LAB_PROGRESS"] = ""
