#include "fcgi_host/link/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgi_host/link/shared_memory.h"

static struct scoreboard *s_board;
static pthread_key_t s_thread_end;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static _Thread_local struct scoreboard_slot *tl_slot;

struct scoreboard *scoreboard_new(struct error *err) {
    struct scoreboard *board = shared_memory_new(sizeof *board, err);
    if (board) {
        atomic_init(&board->fatal_slot, -1);
    }
    return board;
}

struct scoreboard *scoreboard_open(int fd, struct error *err) {
    struct scoreboard *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (board == MAP_FAILED) {
        error_set_errno(err, errno, "mmap");
        return NULL;
    }
    return board;
}

struct scoreboard *scoreboard_new_file(int *ret_fd, struct error *err) {
    /* Sealed: whoever has the descriptor could cut the file short, which is SIGBUS for all. */
    int fd = memfd_create("fcgi_host-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, sizeof(struct scoreboard)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        error_set_errno(err, errno, "a memory file");
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    struct scoreboard *board = scoreboard_open(fd, err);
    if (!board) {
        close(fd);
        return NULL;
    }
    atomic_init(&board->fatal_slot, -1);
    *ret_fd = fd;
    return board;
}

void scoreboard_free(struct scoreboard *board) {
    if (board) {
        munmap(board, sizeof *board);
    }
}

static void give_back(void *slot) {
    struct scoreboard_slot *mine = slot;
    tl_slot = NULL;
    atomic_store(&mine->activity, SLOT_IDLE);
    atomic_store(&mine->thread_id, 0);
    atomic_store(&mine->is_taken, false);
}

static void make_key(void) {
    pthread_key_create(&s_thread_end, give_back);
}

void scoreboard_use(struct scoreboard *board) {
    pthread_once(&s_once, make_key);
    s_board = board;
}

static void note_used(unsigned count) {
    unsigned used = atomic_load(&s_board->used);
    while (used < count && !atomic_compare_exchange_weak(&s_board->used, &used, count)) {
    }
}

struct scoreboard_slot *scoreboard_my_slot(void) {
    if (tl_slot || !s_board) {
        return tl_slot;
    }
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++) {
        struct scoreboard_slot *slot = &s_board->slots[i];
        bool was_taken = atomic_load_explicit(&slot->is_taken, memory_order_relaxed);
        if (!was_taken && atomic_compare_exchange_strong(&slot->is_taken, &was_taken, true)) {
            atomic_store(&slot->thread_id, gettid());
            pthread_setspecific(s_thread_end, slot);
            note_used(i + 1);
            tl_slot = slot;
            break;
        }
    }
    return tl_slot;
}

int scoreboard_my_index(void) {
    return tl_slot ? (int)(tl_slot - s_board->slots) : -1;
}

void scoreboard_note_fatal(int signal_number) {
    int none = 0;
    if (atomic_compare_exchange_strong(&s_board->fatal_signal, &none, signal_number)) {
        atomic_store(&s_board->fatal_slot, scoreboard_my_index());
    }
}

void scoreboard_begin(struct scoreboard_slot *slot, enum slot_activity activity, uint64_t now_ns) {
    atomic_store_explicit(&slot->started_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->notices, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->activity, activity, memory_order_relaxed);
    /* Sequentially consistent: the limits thread looks for active slots after it said that it is
     * going to sleep, a serving thread looks whether it sleeps after it became active. */
    atomic_fetch_add(&slot->sequence, 1);
}

void scoreboard_end(struct scoreboard_slot *slot) {
    atomic_store_explicit(&slot->activity, SLOT_IDLE, memory_order_relaxed);
    atomic_fetch_add(&slot->sequence, 1);
}

/* The fields are copied while their writer may be at work; `sequence` tells that it was. */
__attribute__((no_sanitize("thread"))) static void copy_fields(const struct scoreboard_slot *slot,
                                                               struct slot_view *view) {
    view->activity = (enum slot_activity)atomic_load(&slot->activity);
    view->started_ns = atomic_load(&slot->started_ns);
    view->thread_id = atomic_load(&slot->thread_id);
    view->facts = slot->facts;
    struct slot_facts *facts = &view->facts;
    facts->app[sizeof facts->app - 1] = '\0';
    facts->request_id[sizeof facts->request_id - 1] = '\0';
    facts->line[sizeof facts->line - 1] = '\0';
}

bool scoreboard_read(const struct scoreboard_slot *slot, struct slot_view *view) {
    view->sequence = atomic_load(&slot->sequence);
    if (view->sequence % 2 == 0) {
        return false;
    }
    copy_fields(slot, view);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load(&slot->sequence) == view->sequence;
}

uint64_t scoreboard_work(const struct scoreboard *board, unsigned *ret_active) {
    uint64_t work = 0;
    unsigned active = 0, used = atomic_load(&board->used);
    for (unsigned i = 0; i < used && i < SCOREBOARD_SLOTS; i++) {
        uint64_t sequence = atomic_load(&board->slots[i].sequence);
        active += sequence % 2;
        work += sequence;
    }
    if (ret_active) {
        *ret_active = active;
    }
    return work;
}

void scoreboard_set_text(char *field, size_t room, const char *text, size_t size) {
    size_t kept = size < room ? size : room - 1;
    memcpy(field, text, kept);
    field[kept] = '\0';
}
