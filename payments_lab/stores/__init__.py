"""Documents and delayed jobs: embedded engines by default, real ones by URL, behind the same calls."""
