"""The errors that a caller gets when nobody answers."""

from __future__ import annotations

from payments_lab.bus.protocol import PublishUnconfirmed

_MARK = "nobody_answered"


def lost_reply(resource: str) -> Exception:
    """What a caller gets when the reply of an engine is lost: what the client of that engine raises."""
    error = _broken_connection(resource)
    setattr(error, _MARK, True)
    return error


def is_lost(error: Exception | None) -> bool:
    """Whether this is how :func:`lost_reply` tells that no answer came."""
    return getattr(error, _MARK, False)


def _broken_connection(resource: str) -> Exception:
    if resource == "stripe":
        import stripe

        return stripe.APIConnectionError("the connection was lost", should_retry=True)
    if resource == "bus":
        return PublishUnconfirmed("the stream did not answer")
    if resource.endswith(".redis"):
        from redis.exceptions import ConnectionError as RedisConnectionError

        return RedisConnectionError("connection closed by server")
    from pymongo.errors import AutoReconnect

    return AutoReconnect("connection closed")
