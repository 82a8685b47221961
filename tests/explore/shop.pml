/* Two clicks, a cancellation, and every event delivered at any time, up to DUPLICATES of them twice.
   Each delivery and each request is one step. The counterpart of test_spin.py, written by hand. */

#ifndef DUPLICATES
#define DUPLICATES 0
#endif

#define CREATED 0
#define COMPLETE 1
#define CANCELLED 2

byte order = CREATED;        /* orders: status and version */
byte version = 0;
byte replica = CREATED;      /* payments' copy */
byte copied = 0;             /* its version */
byte paid = 0;               /* which click paid */
byte cancelled_at = 0;       /* the version that order:cancelled carries */

bool first = true;           /* requests that are still to come */
bool second = true;
bool cancel = true;

byte payment_created = 0;    /* deliveries that are still to come */
byte order_completed = 0;
byte order_cancelled = 0;
byte duplicates = DUPLICATES;

inline pay(click) {
    if
    :: replica != CANCELLED && paid == 0 -> paid = click; payment_created++
    :: else -> skip
    fi
}

inline hear_payment() {
    if
    :: order == CREATED -> order = COMPLETE; version++; order_completed++
    :: else -> skip
    fi
}

inline hear_completed() {
    if
    :: copied == 0 -> replica = COMPLETE; copied = 1
    :: else -> skip
    fi
}

inline hear_cancelled() {
    if
    :: copied == cancelled_at - 1 -> replica = CANCELLED; copied = cancelled_at
    :: else -> skip
    fi
}

/* An event that came too early is not acknowledged, and comes again. */
#define EARLY (copied < cancelled_at - 1)

init {
end:
    do
    :: d_step { first -> first = false; pay(1) }
    :: d_step { second -> second = false; pay(2) }
    :: d_step { cancel -> cancel = false;
           if
           :: order != CANCELLED ->
               order = CANCELLED; version++; cancelled_at = version; order_cancelled++
           :: else -> skip
           fi }
    :: d_step { payment_created > 0 -> payment_created--; hear_payment() }
    :: d_step { payment_created > 0 && duplicates > 0 -> duplicates--; hear_payment() }
    :: d_step { order_completed > 0 -> order_completed--; hear_completed() }
    :: d_step { order_completed > 0 && duplicates > 0 -> duplicates--; hear_completed() }
    :: d_step { order_cancelled > 0 && !EARLY -> order_cancelled--; hear_cancelled() }
    :: d_step { order_cancelled > 0 && !EARLY && duplicates > 0 -> duplicates--; hear_cancelled() }
    :: d_step { order_cancelled > 0 && EARLY && duplicates > 0 -> duplicates--; order_cancelled++ }
    od
}
