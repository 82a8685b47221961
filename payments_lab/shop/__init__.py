"""The three services, their events and their errors: business code that knows no engine."""
