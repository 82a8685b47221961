"""Welcome: one prediction."""

from __future__ import annotations

from payments_lab.course.prediction import prediction

EXERCISES = (
    prediction(
        "00.1-a-bad-day",
        "How often will Ada's card be charged, on a day on which events come twice and shuffled?",
        1,
        because="The events came again; the charge is asked for once, by Ada.",
        wrong={
            0: "Ada did ask, and Stripe answered. Trouble on the bus is trouble between the services, not with Stripe.",
            2: "What comes twice is an event. The card is charged when Ada asks, and she asked once.",
            3: "Two events came again, that is true; none of them asks Stripe for money.",
            4: "Count the lines to Stripe in the picture, not the dashed ones: only those move money.",
        },
        actual="len(rough.stripe.charges())",
        hints=(
            "Who asks Stripe for money: an event, or Ada?",
            "In the first picture there is one line to Stripe. Which of the lines above it could come twice?",
            "order:created comes twice: the copy is there already. payment:created comes twice: the order is complete "
            "already. No listener asks for money, so it is one charge.",
        ),
    ),
)
