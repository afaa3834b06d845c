/* SPDX-License-Identifier: MIT */
#include "marks.h"

#include "clock.h"
#include "protocol/system_linux.h"

#include <string.h>

#define QUEUE_SIZE 1024u        /* a power of two */

struct mark {
    _Atomic uint64_t turn;      /* whose turn it is: position for a producer, position + 1 for the consumer */
    int32_t value;
    enum spipe_phase phase;
    int tid;
    uint64_t time_ns;
    char name[SPIPE_MARK_NAME_MAX];
};

/* The queue is D. Vyukov's bounded queue, with one consumer. `turn` counts from the position, so zeroed memory is
 * empty. */
static struct mark queue[QUEUE_SIZE];
static _Atomic uint64_t next_push;
static uint64_t next_pop;
static uint32_t last_string_id;

static uint64_t turn_of(uint64_t position)
{
    return position / QUEUE_SIZE * 2;
}

static void copy_name(char *to, const char *name)
{
    size_t len = strlen(name);
    if (len >= SPIPE_MARK_NAME_MAX)
        len = SPIPE_MARK_NAME_MAX - 1;
    memcpy(to, name, len);
    to[len] = '\0';
}

bool spipe_marks_push(const char *name, enum spipe_phase phase, int32_t value)
{
    uint64_t position = atomic_load(&next_push);
    struct mark *mark;
    do {
        mark = &queue[position % QUEUE_SIZE];
        if (atomic_load_explicit(&mark->turn, memory_order_acquire) != turn_of(position)) {
            if (atomic_load(&next_push) == position)
                return false;
            position = atomic_load(&next_push);
            continue;
        }
        if (atomic_compare_exchange_weak(&next_push, &position, position + 1))
            break;
    } while (true);

    mark->value = value;
    mark->phase = phase;
    mark->tid = (int)spipe_system(SYS_gettid);
    mark->time_ns = spipe_clock_monotonic_ns();
    copy_name(mark->name, name);
    atomic_store_explicit(&mark->turn, turn_of(position) + 1, memory_order_release);
    return true;
}

static uint32_t thread_id_of(int tid)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        const struct spipe_slot *slot = spipe_slot_get(i);
        if (slot->tid == tid && atomic_load(&slot->state) == SPIPE_SLOT_LIVE)
            return slot->thread_id;
    }
    return 0;
}

static void put_mark(struct spipe_session *session, const char *name, uint32_t thread_id, uint64_t time_ns,
                     uint32_t phase, int32_t value)
{
    uint32_t string_id = ++last_string_id;
    uint32_t no_delta = 0;
    struct spipe_record strings = {.kind = SPIPE_RECORD_STRINGS, .strings = {string_id, &name, 1}};
    struct spipe_record markers = {
        .kind = SPIPE_RECORD_MARKERS,
        .markers = {spipe_session_time(session, time_ns), &no_delta, &thread_id, &string_id, &phase, &value, 1}};
    spipe_session_put(session, &strings);
    spipe_session_put(session, &markers);
}

void spipe_marks_drain(struct spipe_session *session)
{
    for (;;) {
        struct mark *mark = &queue[next_pop % QUEUE_SIZE];
        if (atomic_load_explicit(&mark->turn, memory_order_acquire) != turn_of(next_pop) + 1)
            return;
        if (spipe_outbox_room(session->outbox) < SPIPE_OUTBOX_RESERVE)
            return;
        if (!session->is_text)
            put_mark(session, mark->name, thread_id_of(mark->tid), mark->time_ns, mark->phase, mark->value);
        atomic_store_explicit(&mark->turn, turn_of(next_pop) + 2, memory_order_release);
        next_pop++;
    }
}

void spipe_marks_put_host(struct spipe_session *session, const char *text)
{
    put_mark(session, text, 0, spipe_clock_monotonic_ns(), SPIPE_PHASE_INSTANT, 0);
}

void spipe_marks_reset(void)
{
    last_string_id = 0;
}

void spipe_marks_fork(void)
{
    if (atomic_load(&next_push) > 0)
        memset(queue, 0, sizeof queue);
    atomic_store(&next_push, 0);
    next_pop = 0;
}
