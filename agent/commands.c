/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "clock.h"
#include "greeting.h"
#include "handler.h"
#include "ledger.h"
#include "marks.h"
#include "sampling.h"
#include "weave.h"

static void put_result(struct spipe_session *session, uint32_t command_id, enum spipe_command_status status,
                       const char *text)
{
    struct spipe_record record = {
        .kind = SPIPE_RECORD_COMMAND_RESULT,
        .command_result = {command_id, status, text, spipe_session_time(session, spipe_clock_monotonic_ns())}};
    spipe_session_put(session, &record);
}

/* The outbox's size and what was said at the opening stay; all other settings are replaced. */
static enum spipe_command_status configure(struct spipe_session *session, const struct spipe_configuration *asked)
{
    struct spipe_configuration wanted = *asked;
    wanted.buffer_kib = session->settings.applied.buffer_kib;
    if (!session->is_held)
        (void)spipe_weave_drain(session);
    spipe_sampling_stop(session);
    spipe_sampling_plan(session, &wanted);
    spipe_greeting_put_applied(session);
    session->is_held = false;
    session->is_paused = false;
    spipe_sampling_start(session);
    return session->settings.unmet_count == 0 ? SPIPE_COMMAND_DONE : SPIPE_COMMAND_PARTLY;
}

static enum spipe_command_status set_paused(struct spipe_session *session, bool is_paused)
{
    if (session->is_held)
        return SPIPE_COMMAND_REFUSED;
    if (session->is_paused == is_paused)
        return SPIPE_COMMAND_DONE;
    /* What was used up to here belongs to the state that ends here. */
    spipe_ledger_put(session);
    session->is_paused = is_paused;
    if (is_paused)
        spipe_sampling_stop(session);
    else
        spipe_sampling_start(session);
    return SPIPE_COMMAND_DONE;
}

static enum spipe_command_status flush(struct spipe_session *session)
{
    (void)spipe_weave_drain(session);
    spipe_ledger_put(session);
    /* What the host has left no room for stays in the rings. */
    return atomic_load(&spipe_handler_shared.pipe_is_full) ? SPIPE_COMMAND_PARTLY : SPIPE_COMMAND_DONE;
}

enum spipe_command_outcome spipe_commands_do(struct spipe_session *session, const struct spipe_command *command)
{
    enum spipe_command_status status = SPIPE_COMMAND_NOT_KNOWN;
    switch (command->action) {
    case SPIPE_ACTION_CONFIGURE: status = configure(session, &command->configure); break;
    case SPIPE_ACTION_PAUSE: status = set_paused(session, true); break;
    case SPIPE_ACTION_RESUME: status = set_paused(session, false); break;
    case SPIPE_ACTION_FLUSH: status = flush(session); break;
    case SPIPE_ACTION_MARK:
        spipe_marks_put_host(session, command->text);
        status = SPIPE_COMMAND_DONE;
        break;
    case SPIPE_ACTION_RESTART_TABLES:
        spipe_weave_checkpoint(session);
        status = SPIPE_COMMAND_DONE;
        break;
    case SPIPE_ACTION_STOP: status = SPIPE_COMMAND_DONE; break;
    case SPIPE_ACTION_NONE: break;
    }
    put_result(session, command->command_id, status,
               status == SPIPE_COMMAND_NOT_KNOWN ? "this action is not known" : "");
    return command->action == SPIPE_ACTION_STOP ? SPIPE_COMMAND_ENDS_SESSION : SPIPE_COMMAND_GOES_ON;
}
