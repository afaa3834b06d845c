/* SPDX-License-Identifier: MIT */
#include "pump.h"

#include "backoff.h"
#include "clock.h"
#include "commands.h"
#include "control.h"
#include "descriptors.h"
#include "forked.h"
#include "greeting.h"
#include "handler.h"
#include "handshake.h"
#include "images.h"
#include "ledger.h"
#include "log.h"
#include "marks.h"
#include "notices.h"
#include "perf_drain.h"
#include "perf_rings.h"
#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/status.h"
#include "sampling.h"
#include "signals.h"
#include "stack_ids.h"
#include "text_dialect.h"
#include "threads.h"
#include "user.h"
#include "wall.h"
#include "weave.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define LEDGER_INTERVAL_NS (1000 * NS_PER_MS)
#define GOODBYE_NS (200 * NS_PER_MS)
/* While tables are missing or rings fill up. */
#define SHORT_WAIT_MS 2u
/* An idle session wakes only for commands and its ledger. */
#define IDLE_WAIT_MS 100u
#define PIPE_WAIT_MS 10u
/* A raw sample of some 60 frames. */
#define USUAL_SAMPLE_BYTES 512u
/* A program that lives for longer than this gets the tables of images up to this size of .eh_frame_hdr (8 bytes a
 * function) before a stack needs them; larger ones wait for that. */
#define EARLY_TABLES_NS (20 * NS_PER_MS)
#define EARLY_TABLE_HEADER (128u * 1024u)
/* A host that was there for less than this is not come back to at once. */
#define LASTING_NS (10000 * NS_PER_MS)

struct pump {
    struct spipe_session session;
    struct spipe_handshake handshake;
    enum spipe_goodbye_reason goodbye;
    const char *goodbye_text;
    bool is_over;                   /* this session */
    bool may_reconnect;
    struct spipe_backoff backoff;
    bool is_stuck;                  /* the pipe has taken nothing in the last round */
    uint32_t wait_ms;
    uint64_t early_tables_ns;
    uint64_t next_ledger_ns;
    uint64_t next_checkpoint_ns;
    uint64_t stop_ns;               /* 0: never */
};

static struct pump pump;

void spipe_session_put(struct spipe_session *session, const struct spipe_record *record)
{
    if (session->failure != 0 || session->is_text)
        return;
    session->failure = spipe_outbox_put_record(session->outbox, record);
}

static bool is_told_to_leave(void)
{
    return (atomic_load(&spipe_control.requests) & SPIPE_REQUEST_LEAVE) != 0;
}

static void settle(void)
{
    if (atomic_exchange(&spipe_control.has_settled, 1) == 0)
        spipe_futex_wake(&spipe_control.has_settled);
}

static void end_session(enum spipe_goodbye_reason reason, const char *text)
{
    if (pump.is_over)
        return;
    pump.is_over = true;
    pump.goodbye = reason;
    pump.goodbye_text = text;
}

/* -------------------------------------------------------------------------------------------------------- beginning */

/* NULL, or why there can be no session. */
static const char *take_memory(struct spipe_session *session)
{
    session->outbox = spipe_outbox_new((size_t)session->settings.applied.buffer_kib * 1024u);
    if (session->intern == NULL)
        session->intern = spipe_intern_new();
    if (session->stack_ids == NULL)
        session->stack_ids = spipe_stack_ids_new();
    if (session->weave == NULL)
        session->weave = spipe_weave_new();
    bool has_tables = session->intern != NULL && session->stack_ids != NULL && session->weave != NULL;
    if (session->outbox == NULL || !has_tables || !spipe_images_init())
        return "there is no memory for a session";
    return spipe_images_count() > 0 ? NULL : "/proc/self/maps cannot be read, so nothing is known of the program's code";
}

static void restart_session(struct spipe_session *session)
{
    pump.is_over = false;
    pump.may_reconnect = true;
    struct spipe_intern *intern = session->intern;
    struct spipe_stack_ids *stack_ids = session->stack_ids;
    struct spipe_weave *weave = session->weave;
    memset(session, 0, sizeof *session);
    session->intern = intern;
    session->stack_ids = stack_ids;
    session->weave = weave;
    session->settings.applied.token = "";
    spipe_past_tell(session);
    if (intern != NULL)
        spipe_intern_reset(intern);
    spipe_marks_reset();
}

static void set_times(struct spipe_session *session)
{
    const struct spipe_configuration *applied = &session->settings.applied;
    uint64_t now_ns = spipe_clock_monotonic_ns();
    pump.early_tables_ns = now_ns + EARLY_TABLES_NS;
    pump.next_ledger_ns = now_ns + LEDGER_INTERVAL_NS;
    pump.next_checkpoint_ns = applied->checkpoint_interval_ms == 0 ? UINT64_MAX
                                                                    : now_ns + applied->checkpoint_interval_ms * NS_PER_MS;
    pump.stop_ns = applied->stop_after_ms == 0 ? UINT64_MAX : now_ns + applied->stop_after_ms * NS_PER_MS;
    pump.wait_ms = SHORT_WAIT_MS;
}

static bool begin_session(struct spipe_session *session)
{
    const struct spipe_handshake *handshake = &pump.handshake;
    session->pipe = handshake->pipe;
    session->is_text = handshake->is_text;
    session->is_held = handshake->asked.hold && !handshake->is_text;
    spipe_greeting_begin(session);
    spipe_sampling_plan_settings(session, &handshake->asked);
    const char *obstacle = take_memory(session);
    if (obstacle != NULL) {
        spipe_handshake_refuse(&pump.handshake, obstacle);
        return false;
    }
    spipe_images_forget_ids();
    spipe_weave_begin(session);
    if (!session->is_held)
        spipe_sampling_plan(session, &handshake->asked);
    if (session->is_text) {
        spipe_text_dialect_hello(session, handshake->ignored);
    } else {
        session->failure = spipe_outbox_put(session->outbox, spipe_preface, SPIPE_PREFACE_LEN);
        spipe_greeting_put_hello(session);
        if (!session->is_held)
            spipe_greeting_put_applied(session);
    }
    session->failure = session->failure != 0 ? session->failure : spipe_outbox_write(session->outbox, &session->pipe);
    if (session->failure != 0) {
        spipe_log("the host does not read", spipe_status_message(session->failure));
        return false;
    }
    spipe_threads_scan(session, (int)atomic_load(&spipe_control.pump.tid));
    spipe_ledger_begin(session);
    spipe_budget_begin(session);
    spipe_past_note_begin(session);
    if (!session->is_held)
        spipe_sampling_start(session);
    set_times(session);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- the rounds */

static void take_message(struct spipe_session *session, struct spipe_bytes message)
{
    struct spipe_host_record record;
    int status = spipe_decode_host_record(message, &pump.handshake.arena, &record);
    if (status < 0) {
        end_session(SPIPE_GOODBYE_AGENT_FAILED, "the host sent a message that cannot be decoded");
        return;
    }
    if (record.kind != SPIPE_HOST_RECORD_COMMAND)
        return;     /* a second configuration, or a kind of a later version */
    if (spipe_commands_do(session, &record.command) == SPIPE_COMMAND_ENDS_SESSION) {
        pump.may_reconnect = !record.command.do_not_reconnect;
        end_session(SPIPE_GOODBYE_TOLD_TO_STOP, "");
    }
    /* Other commands leave the times as they are, or a talkative host would never get its ledger. */
    if (record.command.action == SPIPE_ACTION_CONFIGURE)
        set_times(session);
    pump.wait_ms = SHORT_WAIT_MS;
}

/* A host that speaks and does not listen is not heard until it has made room for the answers. */
static bool has_room_for_answers(const struct spipe_session *session)
{
    return spipe_outbox_room(session->outbox) >= SPIPE_OUTBOX_RESERVE / 2;
}

/* Also what came in one piece with the configuration is waiting here. */
static void take_messages(struct spipe_session *session)
{
    struct spipe_bytes message;
    int status = 0;
    while (!pump.is_over && has_room_for_answers(session) &&
           (status = spipe_message_reader_next(&pump.handshake.reader, &message)) == 0)
        take_message(session, message);
    if (status < 0 && status != SPIPE_E_AGAIN)
        end_session(SPIPE_GOODBYE_AGENT_FAILED, "the host sent a message over the limit, or none at all");
}

/* A host that speaks text has said all; what else it says is read, so that it is not held up. */
static void read_host(struct spipe_session *session)
{
    struct spipe_handshake *handshake = &pump.handshake;
    while (!pump.is_over) {
        size_t room;
        size_t len = 0;
        if (!session->is_text)
            take_messages(session);
        if (handshake->is_input_over || pump.is_over || !has_room_for_answers(session))
            return;
        void *space = spipe_message_reader_space(&handshake->reader, &room);
        int status = spipe_pipe_read(&session->pipe, space, room, &len);
        if (status == SPIPE_E_AGAIN)
            return;
        handshake->is_input_over = status < 0;
        if (status == SPIPE_E_CLOSED)
            session->failure = status;
        if (status == 0 && !session->is_text)
            spipe_message_reader_fed(&handshake->reader, len);
    }
}

static void serve_requests(struct spipe_session *session)
{
    uint32_t requests = atomic_load(&spipe_control.requests);
    if (requests & SPIPE_REQUEST_LEAVE)
        end_session((enum spipe_goodbye_reason)atomic_load(&spipe_control.leave_reason), spipe_control.leave_text);
    if (requests & SPIPE_REQUEST_MOVE_SIGNAL)
        spipe_sampling_change_signal(session);
    spipe_control_done(requests & ~(uint32_t)SPIPE_REQUEST_LEAVE);
}

static void build_early_tables(const struct spipe_session *session, uint64_t now_ns)
{
    if (session->is_held || session->mechanism == SPIPE_MECHANISM_NONE || now_ns < pump.early_tables_ns)
        return;
    pump.early_tables_ns = UINT64_MAX;
    spipe_images_build_small(EARLY_TABLE_HEADER, is_told_to_leave);
}

/* With less a restart of the sampler would cost samples. */
static bool has_room_for_samples(const struct spipe_session *session)
{
    return spipe_outbox_room(session->outbox) >= SPIPE_OUTBOX_RESERVE;
}

static void keep_time(struct spipe_session *session)
{
    uint64_t now_ns = spipe_clock_monotonic_ns();
    build_early_tables(session, now_ns);
    if (spipe_sampler_is_on() && has_room_for_samples(session) && spipe_budget_look(session, now_ns))
        spipe_sampling_stretch(session);
    if (now_ns >= pump.stop_ns)
        end_session(SPIPE_GOODBYE_TIME_IS_UP, "");
    if (now_ns >= pump.next_checkpoint_ns && spipe_outbox_room(session->outbox) >= SPIPE_OUTBOX_RESERVE) {
        pump.next_checkpoint_ns = now_ns + session->settings.applied.checkpoint_interval_ms * NS_PER_MS;
        spipe_weave_checkpoint(session);
    }
    if (now_ns < pump.next_ledger_ns || spipe_outbox_room(session->outbox) < SPIPE_OUTBOX_RESERVE / 2)
        return;
    /* Missed seconds, after a stop of the process say, are not made up for. */
    pump.next_ledger_ns = now_ns + LEDGER_INTERVAL_NS;
    int tid = (int)atomic_load(&spipe_control.pump.tid);
    spipe_threads_scan(session, tid);
    if (spipe_threads_none_left(tid))
        end_session(SPIPE_GOODBYE_TARGET_EXITS, "the last thread has ended");
    spipe_user_follow();
    spipe_threads_refresh(session);
    spipe_sampling_look(session);
    spipe_weave_look_at_images(session, true);
    if (!session->is_text)
        spipe_ledger_put(session);
}

/* Somebody has taken our signal past the wrappers, and gets the samples' signals until we have noticed. */
static void look_after_signal(struct spipe_session *session)
{
    if (!spipe_sampler_uses_signal() || spipe_signals_is_ours())
        return;
    spipe_signals_give_up();
    spipe_sampling_change_signal(session);
}

/* The flush interval, or less when a ring could be half full before that. */
static uint32_t longest_wait(const struct spipe_session *session)
{
    uint32_t flush_ms = session->settings.applied.flush_interval_ms;
    uint64_t interval_ns = session->period_ns * session->budget.stretch;
    uint64_t filled_ms = SPIPE_RING_SIZE / 2 / USUAL_SAMPLE_BYTES * interval_ns / NS_PER_MS;
    if (session->mechanism == SPIPE_MECHANISM_PERF_RING)
        filled_ms = spipe_perf_rings_half_full_ns() / NS_PER_MS;
    if (filled_ms < SHORT_WAIT_MS)
        filled_ms = SHORT_WAIT_MS;
    return filled_ms < flush_ms ? (uint32_t)filled_ms : flush_ms;
}

static void set_wait(const struct spipe_session *session, bool is_unsettled)
{
    uint32_t longest = longest_wait(session);
    if (session->is_held || session->is_paused || session->mechanism == SPIPE_MECHANISM_NONE)
        pump.wait_ms = IDLE_WAIT_MS;
    else if (is_unsettled)
        pump.wait_ms = SHORT_WAIT_MS;
    else if (pump.wait_ms < longest)
        pump.wait_ms *= 2;
    if (pump.wait_ms > longest && pump.wait_ms != IDLE_WAIT_MS)
        pump.wait_ms = longest;
}

/* Rings that were half full are looked at twice as often, when there is anywhere to empty them to. */
static void shorten_wait(uint32_t fill_percent)
{
    bool can_help = !atomic_load(&spipe_handler_shared.pipe_is_full);
    if (can_help && fill_percent > 40 && pump.wait_ms > SHORT_WAIT_MS)
        pump.wait_ms /= 4;
    if (pump.wait_ms < SHORT_WAIT_MS)
        pump.wait_ms = SHORT_WAIT_MS;
}

/* Threads behind a filter of the program's cannot wake us. */
static void mind_filter(void)
{
    if (pump.wait_ms > SPIPE_FILTERED_WAIT_MS && atomic_load(&spipe_control.is_filtered) != 0)
        pump.wait_ms = SPIPE_FILTERED_WAIT_MS;
}

static void wait_for_work(struct spipe_session *session)
{
    uint32_t events;
    uint32_t wall_ms = spipe_wall_wait_ms();
    uint32_t wait_ms = pump.wait_ms < wall_ms ? pump.wait_ms : wall_ms;
    /* For a pipe that has taken nothing it is not worth to be there at once: it may stay so for long. */
    if (spipe_outbox_fill(session->outbox) > 0 && !pump.is_stuck)
        (void)spipe_pipe_wait(&session->pipe, SPIPE_PIPE_WRITABLE, -1,
                              wait_ms < PIPE_WAIT_MS ? wait_ms : PIPE_WAIT_MS, &events);
    else
        spipe_futex_wait(&spipe_control.requests, 0, wait_ms * NS_PER_MS);
}

static void run_round(struct spipe_session *session)
{
    bool is_unsettled = false;
    serve_requests(session);
    read_host(session);
    if (!session->is_held) {
        uint32_t fill_percent = spipe_weave_fill_percent();
        spipe_budget_round_begin(session);
        spipe_sampling_tend(session);
        is_unsettled = spipe_weave_drain(session);
        spipe_budget_round_end(session);
        is_unsettled = is_unsettled || !spipe_sampling_is_settled(session);
        spipe_marks_drain(session);
        spipe_notices_drain(session);
        spipe_wall_round(session);
        spipe_threads_tend(session);
        look_after_signal(session);
        set_wait(session, is_unsettled);
        shorten_wait(fill_percent);
    } else {
        set_wait(session, false);
    }
    mind_filter();
    keep_time(session);
    if (session->failure == 0 && !spipe_descriptors_are_ours(&session->pipe))
        session->failure = SPIPE_E_CANCELLED;
    uint64_t sent = spipe_outbox_sent(session->outbox);
    if (session->failure == 0)
        session->failure = spipe_outbox_write(session->outbox, &session->pipe);
    pump.is_stuck = spipe_outbox_sent(session->outbox) == sent;
}

/* ----------------------------------------------------------------------------------------------------------- ending */

static bool has_pending(void)
{
    if (spipe_perf_drain_reached_ns() != UINT64_MAX)
        return true;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (!spipe_slot_is_in_use(slot))
            continue;
        if (spipe_ring_fill(&slot->ring) > 0 || atomic_load(&slot->epoch) % 2 != 0)
            return true;
    }
    return false;
}

/* At least once, however late it is. */
static void write_all(struct spipe_session *session, uint64_t end_ns)
{
    uint32_t events;
    do {
        session->failure = spipe_outbox_write(session->outbox, &session->pipe);
        if (session->failure != 0 || spipe_outbox_fill(session->outbox) == 0)
            return;
        (void)spipe_pipe_wait(&session->pipe, SPIPE_PIPE_WRITABLE, -1, PIPE_WAIT_MS, &events);
    } while (spipe_clock_monotonic_ns() < end_ns);
}

/* A last look at the rings, at least one, and some more while handlers are still at work. */
static void drain_all(struct spipe_session *session, uint64_t end_ns)
{
    do {
        (void)spipe_weave_drain(session);
        session->failure = spipe_outbox_write(session->outbox, &session->pipe);
        if (session->failure != 0 || !has_pending())
            return;
        spipe_futex_wait(&spipe_control.has_settled, 1, NS_PER_MS);
    } while (spipe_clock_monotonic_ns() < end_ns);
}

static void put_goodbye(struct spipe_session *session)
{
    if (session->is_text) {
        spipe_text_dialect_goodbye(session, pump.goodbye, spipe_ledger_dropped(session));
        return;
    }
    spipe_ledger_put(session);
    struct spipe_record record = {
        .kind = SPIPE_RECORD_GOODBYE,
        .goodbye = {pump.goodbye, pump.goodbye_text, session->samples_sent, spipe_ledger_dropped(session)}};
    spipe_session_put(session, &record);
}

/* The host closes as soon as it has the Goodbye; closing earlier, with its words unread, could cost it the end of the
 * stream. */
static void await_close(struct spipe_session *session, uint64_t end_ns)
{
    char rest[4096];
    spipe_pipe_shut_write(&session->pipe);
    for (uint64_t now_ns; (now_ns = spipe_clock_monotonic_ns()) < end_ns;) {
        size_t len;
        uint32_t events;
        int status = spipe_pipe_read(&session->pipe, rest, sizeof rest, &len);
        if (status < 0 && status != SPIPE_E_AGAIN)
            return;
        if (status == SPIPE_E_AGAIN)
            (void)spipe_pipe_wait(&session->pipe, SPIPE_PIPE_READABLE, -1, (uint32_t)((end_ns - now_ns) / NS_PER_MS) + 1,
                                  &events);
    }
}

static void finish_session(struct spipe_session *session)
{
    uint64_t end_ns = spipe_clock_monotonic_ns() + GOODBYE_NS;
    spipe_sampling_stop(session);
    if (!session->is_held && session->failure == 0)
        drain_all(session, end_ns);
    spipe_weave_discard(session);
    if (session->failure == 0 && !session->is_held) {
        spipe_notices_drain(session);
        spipe_threads_tend(session);
    }
    if (session->failure == 0) {
        put_goodbye(session);
        write_all(session, end_ns);
    }
    if (session->failure == 0)
        await_close(session, end_ns);
    else
        spipe_log("the session was cut", spipe_status_message(session->failure));
}

static void close_session(struct spipe_session *session)
{
    atomic_store(&spipe_control.is_active, 0);
    atomic_store(&spipe_control.follows_children, 0);
    spipe_weave_discard(session);
    spipe_sampling_end();
    if (spipe_descriptors_are_ours(&session->pipe))
        spipe_pipe_close(&session->pipe);
    spipe_outbox_free(session->outbox);
    session->outbox = NULL;
}

/* -------------------------------------------------------------------------------------------------------- the whole */

static void run_session(void)
{
    struct spipe_session *session = spipe_pump_begin();
    if (session == NULL)
        return;
    settle();
    while (spipe_pump_round())
        wait_for_work(session);
    spipe_pump_finish();
}

/* Meanwhile nobody is to wait for an answer of ours. False when it is to leave. */
static bool pause_for(uint32_t pause_ms)
{
    uint64_t end_ns = spipe_clock_monotonic_ns() + pause_ms * NS_PER_MS;
    for (uint64_t now_ns; (now_ns = spipe_clock_monotonic_ns()) < end_ns;) {
        uint32_t requests = atomic_load(&spipe_control.requests);
        if (requests & SPIPE_REQUEST_MOVE_SIGNAL)
            (void)spipe_signals_take();
        spipe_control_done(requests & ~(uint32_t)SPIPE_REQUEST_LEAVE);
        spipe_futex_wait(&spipe_control.requests, 0, end_ns - now_ns);
        if (is_told_to_leave())
            return false;
    }
    return true;
}

/* Looks for the host again for as long as it asked, after a connection that was lost. Descriptors that were inherited
 * cannot be opened again, and may be somebody else's by now. */
static bool connect_again(uint32_t reconnect_ms)
{
    uint64_t end_ns = spipe_clock_monotonic_ns() + reconnect_ms * NS_PER_MS;
    if (pump.handshake.endpoint.kind == SPIPE_ENDPOINT_DESCRIPTORS)
        return false;
    pump.handshake.is_retry = true;
    while (spipe_clock_monotonic_ns() < end_ns && pause_for(spipe_backoff_next_ms(&pump.backoff))) {
        if (spipe_handshake_run(&pump.handshake))
            return true;
    }
    spipe_log("the host has not come back", NULL);
    return false;
}

static bool was_lost(const struct spipe_session *session)
{
    return (session->failure != 0 || pump.goodbye == SPIPE_GOODBYE_AGENT_FAILED) && pump.may_reconnect &&
           session->settings.applied.reconnect_ms > 0 && !is_told_to_leave();
}

static uint64_t make_seed(void)
{
    uint64_t seed;
    memcpy(&seed, spipe_greeting_process_id(), sizeof seed);
    return seed;
}

const struct spipe_endpoint *spipe_pump_prepare(void)
{
    spipe_handshake_init(&pump.handshake);
    return &pump.handshake.endpoint;
}

bool spipe_pump_connect(void)
{
    return spipe_handshake_run(&pump.handshake);
}

struct spipe_session *spipe_pump_begin(void)
{
    restart_session(&pump.session);
    if (begin_session(&pump.session))
        return &pump.session;
    close_session(&pump.session);
    return NULL;
}

bool spipe_pump_round(void)
{
    run_round(&pump.session);
    return !pump.is_over && pump.session.failure == 0;
}

void spipe_pump_finish(void)
{
    finish_session(&pump.session);
    spipe_past_note_end(&pump.session);
    close_session(&pump.session);
}

void spipe_pump_fork(bool is_followed)
{
    spipe_descriptors_fork(&pump.handshake.pipe);
    if (is_followed)
        memset(&pump.session, 0, sizeof pump.session);
}

/* A child that executes another program at once, or ends, is not worth a session. */
static bool is_worth_a_session(void)
{
    return !spipe_control.is_forked || spipe_forked_begin(is_told_to_leave);
}

static void run_sessions(void)
{
    atomic_store(&spipe_control.has_hidden, spipe_descriptors_hide(spipe_pump_prepare()) ? 1 : 2);
    spipe_futex_wake(&spipe_control.has_hidden);
    spipe_greeting_init();
    spipe_backoff_init(&pump.backoff, make_seed());

    bool is_connected = spipe_pump_connect();
    while (is_connected) {
        run_session();
        if (spipe_clock_monotonic_ns() - pump.session.origin_ns > LASTING_NS)
            spipe_backoff_reset(&pump.backoff);
        is_connected = was_lost(&pump.session) && connect_again(pump.session.settings.applied.reconnect_ms);
    }
}

void spipe_pump_run(void *unused)
{
    (void)unused;
    if (is_worth_a_session())
        run_sessions();
    spipe_threads_end_process();
    settle();
    spipe_control_done(UINT32_MAX);
}
