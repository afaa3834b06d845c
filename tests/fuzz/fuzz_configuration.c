/* SPDX-License-Identifier: MIT */
/* A host's messages, from bytes to settings: whatever is decoded, the settings are within their limits. */
#include "agent/settings.h"
#include "protocol/decode.h"
#include "protocol/message.h"

#include <stdlib.h>
#include <string.h>

#define TICK_US 4000u
#define SIZE_MAX_HERE 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static bool is_within(uint32_t value, uint32_t min, uint32_t max)
{
    return value >= min && value <= max;
}

static void apply(const struct spipe_configuration *asked)
{
    struct spipe_settings settings;
    uint8_t hash[8];
    spipe_settings_apply(&settings, asked, TICK_US);
    const struct spipe_configuration *applied = &settings.applied;
    demand(is_within(applied->cpu_period_us, SPIPE_PERIOD_MIN_US, SPIPE_PERIOD_MAX_US));
    demand(is_within(applied->max_depth, 1, SPIPE_DEPTH_MAX));
    demand(is_within(applied->flush_interval_ms, SPIPE_FLUSH_MIN_MS, SPIPE_FLUSH_MAX_MS));
    demand(is_within(applied->buffer_kib, SPIPE_BUFFER_MIN_KIB, SPIPE_BUFFER_MAX_KIB));
    demand(applied->wall_period_us == 0 ||
           is_within(applied->wall_period_us, SPIPE_WALL_PERIOD_MIN_US, SPIPE_WALL_PERIOD_MAX_US));
    demand(applied->allocation_bytes == 0);
    demand(applied->token[0] == '\0');
    demand(settings.unmet_count <= SPIPE_SETTINGS_UNMET_MAX);
    spipe_settings_hash(&settings, "fake", hash);
}

static void take(const struct spipe_host_record *record)
{
    if (record->kind == SPIPE_HOST_RECORD_CONFIGURATION) {
        demand(strlen(record->configuration.token) <= SPIPE_HOST_MESSAGE_MAX);
        apply(&record->configuration);
    } else if (record->kind == SPIPE_HOST_RECORD_COMMAND) {
        demand(strlen(record->command.text) <= SPIPE_HOST_MESSAGE_MAX);
        if (record->command.action == SPIPE_ACTION_CONFIGURE)
            apply(&record->command.configure);
    }
}

/* The bytes are a stream of messages behind the preface, cut and decoded as in the agent. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t reader_memory[SPIPE_HOST_MESSAGE_MAX + 64];
    static _Alignas(16) uint8_t arena_memory[SPIPE_DECODE_ARENA_FOR(SPIPE_HOST_MESSAGE_MAX)];
    struct spipe_message_reader reader;
    struct spipe_arena arena;
    struct spipe_bytes message;
    struct spipe_host_record record;
    if (size > SIZE_MAX_HERE)
        return 0;
    spipe_arena_init(&arena, arena_memory, sizeof arena_memory);
    spipe_message_reader_init(&reader, reader_memory, sizeof reader_memory, SPIPE_HOST_MESSAGE_MAX);
    size_t room;
    memcpy(spipe_message_reader_space(&reader, &room), data, size);
    spipe_message_reader_fed(&reader, size);
    while (spipe_message_reader_next(&reader, &message) == 0) {
        if (spipe_decode_host_record(message, &arena, &record) == 0)
            take(&record);
    }
    /* And once as one message, which reaches further into the decoder. */
    if (spipe_decode_host_record((struct spipe_bytes){data, size}, &arena, &record) == 0)
        take(&record);
    return 0;
}
