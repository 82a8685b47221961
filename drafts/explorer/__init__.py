"""The explorer: the real code under every order of events and every small set of faults."""
