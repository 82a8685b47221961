"""One member of a queue group on JetStream: asks for a batch, hands over one by one, asks for the next."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from payments_lab.bus.protocol import ConsumerConfig, DeadLetter, Handler
from payments_lab.bus.records import NO_HEADERS
from payments_lab.bus.remote import Pace, failure_of, gave_up, log

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription as Inbox

    from payments_lab.bus.jetstream import JetStreamBus

MESSAGE_ID = "Nats-Msg-Id"
SENDER = "Sender"
STATUS = "Status"

EXPIRES = 30.0
"""Seconds for which one request for a batch stands."""

HEARTBEAT = 5.0
"""Seconds after which the server says that it has nothing yet; after two of them in silence the member asks again."""

SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds before asking a server again that would not have the last request."""

HEARTBEAT_STATUS = "100"
REQUEST_IS_OVER = ("404", "408")
NANOSECONDS = 1_000_000_000


class JetStreamDelivery:
    """One message in a member's hand; satisfies :class:`payments_lab.bus.protocol.Delivery`."""

    __slots__ = ("_member", "_message", "_tokens", "answered", "data", "subject")

    def __init__(self, member: JetStreamMember, message: Msg) -> None:
        self._member = member
        self._message = message
        self._tokens = message.reply.split(".")
        self.subject = message.subject
        self.data = message.data
        self.answered = False

    @property
    def headers(self) -> Mapping[str, str]:
        headers = self._message.headers
        if not headers:
            return NO_HEADERS
        return {name: value for name, value in headers.items() if name not in (MESSAGE_ID, SENDER)}

    @property
    def message_id(self) -> str:
        return (self._message.headers or {}).get(MESSAGE_ID) or f"{self._tokens[-7]}:{self.sequence}"

    @property
    def sender(self) -> str:
        """The name of the service that published it."""
        return (self._message.headers or {}).get(SENDER, "")

    @property
    def sequence(self) -> int:
        return int(self._tokens[-4])

    @property
    def attempt(self) -> int:
        return int(self._tokens[-5])

    async def ack(self) -> None:
        if not self.answered:
            self.answered = True
            await self._message.ack()

    async def nak(self, delay: float | None = None) -> None:
        if self.answered:
            return
        self.answered = True
        if self.attempt >= self._member.config.max_deliver:
            await self._member.bury(self, gave_up(self.attempt, "its handler asked for it again"))
        else:
            await self._message.nak(delay)

    async def in_progress(self) -> None:
        if not self.answered:
            await self._message.in_progress()

    async def term(self, reason: str) -> None:
        if not self.answered:
            self.answered = True
            await self._member.bury(self, reason)

    async def end(self) -> None:
        """Tell the server never to deliver it again."""
        await self._message.term()


class JetStreamMember:
    """A subscription; satisfies :class:`payments_lab.bus.protocol.Subscription`."""

    def __init__(
        self, bus: JetStreamBus, subject: str, handler: Handler, queue: str, durable: str, config: ConsumerConfig
    ) -> None:
        self.subject = subject
        self.durable = durable
        self.config = config
        self._bus = bus
        self._client = bus.client
        self._handler = handler
        self._queue = queue
        self._pace = Pace(config.ack_wait)
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{bus.stream}.{durable}"
        self._inbox_name = bus.client.new_inbox()
        self._inbox: Inbox | None = None
        self._request = 0
        self._batch = 0
        self._left = 0
        self._pause = SHORTEST_PAUSE
        self._spent = 0.0
        self._heard = 0.0
        self._in_hand = asyncio.Lock()
        self._closing = False
        self._not_begun: list[Msg] = []
        self._watch: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to take deliveries."""
        self._inbox = await self._client.subscribe(f"{self._inbox_name}.*", cb=self._on_message)
        await self._ask()
        self._watch = asyncio.create_task(self._ask_when_silent(), name=f"watch {self.durable}")

    async def unsubscribe(self) -> None:
        """Finish the delivery in hand, give back what was not begun, and leave."""
        from nats.errors import Error

        if self._inbox is None or self._watch is None:
            return
        self._closing = True
        self._watch.cancel()
        self._watch = None
        try:
            # Only when the server no longer sends to this inbox may a message be given back: else it comes back here.
            await self._inbox.drain()
            for message in self._not_begun:
                await message.nak()
        except (Error, OSError) as error:
            log.warning("%s left without saying goodbye to its server: %s", self.durable, error)

    async def bury(self, delivery: JetStreamDelivery, reason: str, attempts: int | None = None) -> None:
        """Keep a dead letter, then end the message; a crash in between leaves the letter and delivers once more."""
        await self._bus.bury(
            DeadLetter(
                subject=delivery.subject,
                data=delivery.data,
                reason=reason,
                message_id=delivery.message_id,
                sequence=delivery.sequence,
                durable=self.durable,
                attempts=attempts or delivery.attempt,
                headers=delivery.headers,
            )
        )
        await delivery.end()

    def ask_again(self, after: float = 0.0) -> None:
        """Ask for a batch soon, whatever became of the last request."""
        if self._closing:
            return
        task = asyncio.create_task(self._ask(after))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, after: float = 0.0) -> None:
        from nats.errors import Error

        if after:
            await asyncio.sleep(after)
        if self._closing:
            return
        self._request += 1
        self._batch = self._left = self._pace.batch
        self._spent = 0.0
        self._heard = asyncio.get_running_loop().time()
        request = {
            "batch": self._batch,
            "expires": int(EXPIRES * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT * NANOSECONDS),
        }
        try:
            await self._client.publish(
                self._next, json.dumps(request).encode(), reply=f"{self._inbox_name}.{self._request}"
            )
        except Error as error:
            log.warning("%s could not ask its server for messages and will again: %s", self.durable, error)

    async def _ask_when_silent(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEARTBEAT)
            silent = loop.time() - self._heard > 2 * HEARTBEAT
            if silent and not self._in_hand.locked() and self._client.is_connected:
                await self._ask()

    async def _on_message(self, message: Msg) -> None:
        async with self._in_hand:
            self._heard = asyncio.get_running_loop().time()
            status = (message.headers or {}).get(STATUS) if not message.reply else None
            if status is not None:
                self._on_status(message, status)
            elif self._closing:
                self._not_begun.append(message)
            else:
                await self._take(message)

    def _on_status(self, message: Msg, status: str) -> None:
        """The server has no more for a request; its number is the end of the subject."""
        if status == HEARTBEAT_STATUS or message.subject != f"{self._inbox_name}.{self._request}":
            return
        if status in REQUEST_IS_OVER:
            self.ask_again()
        else:
            reason = (message.headers or {}).get("Description", "nobody answers for the consumer")
            log.warning("%s gets no messages (%s %s) and asks again", self.durable, status, reason)
            self.ask_again(after=self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _take(self, message: Msg) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._pause = SHORTEST_PAUSE
        self._left -= 1
        try:
            await self._hand_over(JetStreamDelivery(self, message))
        finally:
            self._spent += loop.time() - begun
            if self._left <= 0 and not self._closing:
                self._pace.handled(self._batch, self._spent)
                await self._ask()

    async def _hand_over(self, delivery: JetStreamDelivery) -> None:
        if delivery.attempt > self.config.max_deliver:
            attempts = delivery.attempt - 1
            await self.bury(delivery, gave_up(attempts, "no answer"), attempts)
            return
        failure = await failure_of(self._handler, delivery, self._queue)
        if failure is None or delivery.answered:
            return
        if delivery.attempt >= self.config.max_deliver:
            await self.bury(delivery, gave_up(delivery.attempt, f"its handler raised {failure}"))
