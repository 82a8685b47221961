"""The explorer: the real code under every order of events and every small set of faults.

How it hangs together, bottom up:

- ``coroutines`` drives one real coroutine from checkpoint to checkpoint;
- ``memo`` runs a task once for each distinct thing that it was told, and an engine once for each (state, operation);
- ``buses`` is the stream as a resource; ``scenario`` says what people want; ``faults`` bounds what goes wrong.
"""
