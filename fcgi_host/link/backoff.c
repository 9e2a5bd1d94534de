#include "fcgi_host/link/backoff.h"

enum {
    BUCKET = 10,
    REFILL_MS = 6000,
    FIRST_WAIT_MS = 250,
    LONGEST_WAIT_MS = 10000,
    ROW_ENDS_MS = 60000,
};

unsigned backoff_next_ms(struct backoff *backoff, uint64_t now_ms, uint64_t served_ms) {
    backoff->spent -= (double)(now_ms - backoff->updated_ms) / REFILL_MS;
    if (backoff->spent < 0) {
        backoff->spent = 0;
    }
    backoff->updated_ms = now_ms;
    if (served_ms >= ROW_ENDS_MS) {
        backoff->row = 0;
    }
    if (served_ms > 0 && backoff->spent + 1 <= BUCKET) {
        backoff->spent += 1;
        return 0;
    }
    unsigned wait_ms = FIRST_WAIT_MS;
    for (unsigned i = 0; i < backoff->row && wait_ms < LONGEST_WAIT_MS; i++) {
        wait_ms *= 2;
    }
    backoff->row++;
    return wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS;
}
