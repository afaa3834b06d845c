/* SPDX-License-Identifier: MIT */
#include "toggle.h"

#include "clock.h"

#define IDLE_MS 1000
#define NS_PER_MS UINT64_C(1000000)

static void note(struct toggle *toggle, uint64_t ns, bool is_on)
{
    if (toggle->count == TOGGLES_MAX)
        return;
    toggle->change[toggle->count].ns = ns;
    toggle->change[toggle->count++].is_on = is_on;
}

void toggle_add(struct toggle *toggle, struct spipe_connection *connection, const struct spipe_record *record)
{
    switch (record->kind) {
    case SPIPE_RECORD_HELLO:
        toggle->origin_ns = record->hello.origin_ns;
        break;
    case SPIPE_RECORD_APPLIED:
        if (toggle->next_ns != 0 || toggle->period_ns == 0)
            break;
        toggle->connection = connection;
        toggle->next_ns = clock_now_ns() + toggle->period_ns;
        note(toggle, clock_now_ns(), true);
        break;
    case SPIPE_RECORD_COMMAND_RESULT:
        note(toggle, toggle->origin_ns + record->command_result.time * 1000, !toggle->is_paused);
        toggle->next_ns = clock_now_ns() + toggle->period_ns;
        break;
    default:
        break;
    }
}

void toggle_end(struct toggle *toggle)
{
    toggle->connection = NULL;
}

int toggle_continue(struct toggle *toggle)
{
    uint64_t now_ns = clock_now_ns();
    if (toggle->connection == NULL)
        return IDLE_MS;
    if (now_ns >= toggle->next_ns) {
        struct spipe_command command = {.action = toggle->is_paused ? SPIPE_ACTION_RESUME : SPIPE_ACTION_PAUSE, .text = ""};
        toggle->is_paused = !toggle->is_paused;
        (void)spipe_connection_command(toggle->connection, &command, NULL);
        toggle->next_ns = UINT64_MAX;
    }
    if (toggle->next_ns == UINT64_MAX)
        return IDLE_MS;
    return toggle->next_ns > now_ns ? (int)((toggle->next_ns - now_ns) / NS_PER_MS) + 1 : 0;
}

void toggle_print(const struct toggle *toggle, FILE *out)
{
    fprintf(out, "[");
    for (size_t i = 0; i < toggle->count; i++)
        fprintf(out, "%s[%llu, %d]", i > 0 ? ", " : "", (unsigned long long)toggle->change[i].ns, toggle->change[i].is_on);
    fprintf(out, "]");
}
