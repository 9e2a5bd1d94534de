#include "fcgi_host/supervisor/stop_signal.h"

enum stop_meaning stop_signal_meaning(struct stop_signal *stop, uint64_t now_ms,
                                      bool is_from_spawner) {
    uint64_t since_ms = now_ms - stop->last_ms;
    stop->last_ms = now_ms;
    if (stop->count++ == 0) {
        return STOP_GRACEFULLY;
    }
    return is_from_spawner && since_ms >= STOP_RHYTHM_MS ? STOP_REPEATED : STOP_NOW;
}
