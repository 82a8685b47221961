"""What tests run keeps nobody's progress: what a student has solved stays theirs, and notebooks' outputs the same."""

import os

os.environ["PAYMENTS_LAB_PROGRESS"] = ""

# What `payments-lab reset` keeps of a student's own work is theirs, and no part of the course.
collect_ignore_glob = ["notebooks/*.mine-*.ipynb"]
