/* Two clicks and a cancellation for each of up to three ORDERS, and every event delivered at any time, up to DUPLICATES
   of them twice. Each delivery and each request is one step. The counterpart of test_spin.py, written by hand. */

#ifndef DUPLICATES
#define DUPLICATES 0
#endif
#ifndef ORDERS
#define ORDERS 1
#endif

#define CREATED 0
#define COMPLETE 1
#define CANCELLED 2

byte order[ORDERS];          /* orders: status and version */
byte version[ORDERS];
byte replica[ORDERS];        /* payments' copy */
byte copied[ORDERS];         /* its version */
byte paid[ORDERS];           /* which click paid */
byte charge[ORDERS];         /* and with which charge: Stripe counts them */
byte charges = 0;
byte cancelled_at[ORDERS];   /* the version that order:cancelled carries */

bool no_first[ORDERS];       /* requests that are past */
bool no_second[ORDERS];
bool no_cancel[ORDERS];

byte payment_created[ORDERS];    /* deliveries that are still to come */
byte order_completed[ORDERS];
byte order_cancelled[ORDERS];
byte duplicates = DUPLICATES;

inline pay(o, click) {
    if
    :: replica[o] != CANCELLED && paid[o] == 0 ->
        paid[o] = click; charges++; charge[o] = charges; assert(charge[o] > 0); payment_created[o]++
    :: else -> skip
    fi
}

inline hear_payment(o) {
    if
    :: order[o] == CREATED -> order[o] = COMPLETE; version[o]++; order_completed[o]++
    :: else -> skip
    fi
}

inline hear_completed(o) {
    if
    :: copied[o] == 0 -> replica[o] = COMPLETE; copied[o] = 1
    :: else -> skip
    fi
}

inline hear_cancelled(o) {
    if
    :: copied[o] == cancelled_at[o] - 1 -> replica[o] = CANCELLED; copied[o] = cancelled_at[o]
    :: else -> skip
    fi
}

inline call_off(o) {
    if
    :: order[o] != CANCELLED ->
        order[o] = CANCELLED; version[o]++; cancelled_at[o] = version[o]; order_cancelled[o]++
    :: else -> skip
    fi
}

/* An event that came too early is not acknowledged, and comes again. */
#define EARLY(o) (copied[o] < cancelled_at[o] - 1)

#define STEPS(o) \
    :: d_step { !no_first[o] -> no_first[o] = true; pay(o, 1) } \
    :: d_step { !no_second[o] -> no_second[o] = true; pay(o, 2) } \
    :: d_step { !no_cancel[o] -> no_cancel[o] = true; call_off(o) } \
    :: d_step { payment_created[o] > 0 -> payment_created[o]--; hear_payment(o) } \
    :: d_step { payment_created[o] > 0 && duplicates > 0 -> duplicates--; hear_payment(o) } \
    :: d_step { order_completed[o] > 0 -> order_completed[o]--; hear_completed(o) } \
    :: d_step { order_completed[o] > 0 && duplicates > 0 -> duplicates--; hear_completed(o) } \
    :: d_step { order_cancelled[o] > 0 && !EARLY(o) -> order_cancelled[o]--; hear_cancelled(o) } \
    :: d_step { order_cancelled[o] > 0 && !EARLY(o) && duplicates > 0 -> duplicates--; hear_cancelled(o) } \
    :: d_step { order_cancelled[o] > 0 && EARLY(o) && duplicates > 0 -> duplicates--; order_cancelled[o]++ }

init {
end:
    do
    STEPS(0)
#if ORDERS > 1
    STEPS(1)
#endif
#if ORDERS > 2
    STEPS(2)
#endif
    od
}
