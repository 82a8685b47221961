"""Which request set what off, and what is written down about it: trace ids, and logs without secrets."""
