/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/greeting.h"
#include "agent/images.h"
#include "agent/pump.h"
#include "flow_kit.h"
#include "protocol/encode.h"

#define DEPTH_MAX 512u
#define ADDRESS_STEP 3u

struct spipe_pipe flow_pipe;
struct spipe_session *flow_session;
static struct agent_stream stream;
static const struct spipe_code_range *library;

int flow_set_up(void **state)
{
    (void)state;
    clock_fake_reset();
    sampler_fake_reset();
    waiting_fake_reset();
    memset(&spipe_control.environment, 0, sizeof spipe_control.environment);
    strcpy(spipe_control.environment.endpoint, "unix:/tmp/nobody-listens");
    atomic_store(&spipe_control.requests, 0);
    flow_pipe = pipe_memory_new();
    pipe_memory_offer_connection(flow_pipe);
    flow_session = NULL;
    return 0;
}

int flow_tear_down(void **state)
{
    (void)state;
    if (flow_session != NULL)
        flow_finish();
    pipe_memory_reset();
    return 0;
}

static void send_record(const struct spipe_host_record *record)
{
    static unsigned char memory[4096];
    static uint8_t bytes[4096];
    struct spipe_arena scratch;
    struct spipe_buffer buffer = {bytes, 0, sizeof bytes};
    spipe_arena_init(&scratch, memory, sizeof memory);
    assert_int_equal(spipe_encode_host_record(record, &scratch, &buffer), 0);
    pipe_memory_feed(&flow_pipe, bytes, buffer.len);
}

void flow_send_configuration(struct spipe_configuration configuration)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_CONFIGURATION, .configuration = configuration};
    record.configuration.token = "";
    pipe_memory_feed(&flow_pipe, spipe_preface, SPIPE_PREFACE_LEN);
    send_record(&record);
}

void flow_send_command(struct spipe_command command)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_COMMAND, .command = command};
    record.command.configure.token = "";
    if (record.command.text == NULL)
        record.command.text = "";
    send_record(&record);
}

void flow_send_action(uint32_t command_id, enum spipe_action action)
{
    flow_send_command((struct spipe_command){.command_id = command_id, .action = action});
}

static void find_library(void)
{
    const struct spipe_code_map *map = spipe_images_code_map();
    library = NULL;
    for (uint32_t i = 0; i < map->count && library == NULL; i++) {
        const struct spipe_loaded_image *image = spipe_images_of_range(&map->range[i]);
        if (image != NULL && strstr(image->path, "libc.so") != NULL)
            library = &map->range[i];
    }
    assert_non_null(library);
}

void flow_begin(void)
{
    static bool has_facts;
    if (!has_facts)
        spipe_greeting_init();
    has_facts = true;
    (void)spipe_pump_prepare();
    assert_true(spipe_pump_connect());
    flow_session = spipe_pump_begin();
    assert_non_null(flow_session);
    find_library();
}

void flow_begin_plainly(void)
{
    flow_send_configuration((struct spipe_configuration){.cpu_period_us = 10000, .buffer_kib = 1024});
    flow_begin();
}

void flow_begin_with_wall_clock(void)
{
    flow_send_configuration(
        (struct spipe_configuration){.cpu_period_us = 10000, .wall_period_us = 20000, .buffer_kib = 1024});
    flow_begin();
}

bool flow_round(void)
{
    return spipe_pump_round();
}

void flow_finish(void)
{
    pipe_memory_feed_end(&flow_pipe);
    spipe_pump_finish();
    flow_session = NULL;
}

const struct agent_stream *flow_read(void)
{
    agent_stream_read(&stream, pipe_memory_written(&flow_pipe));
    return &stream;
}

struct spipe_slot *flow_own_slot(void)
{
    struct spipe_slot *slot = sampler_fake_slot((int)syscall(SYS_gettid));
    assert_non_null(slot);
    return slot;
}

uint64_t flow_address(uint32_t index)
{
    return library->start + (uint64_t)index * ADDRESS_STEP % (library->end - library->start);
}

bool flow_sample(struct spipe_slot *slot, uint32_t leaf, uint32_t depth, uint32_t weight)
{
    uint64_t address[DEPTH_MAX];
    assert_true(depth <= DEPTH_MAX);
    for (uint32_t i = 0; i < depth; i++)
        address[i] = flow_address(leaf + i);
    return sampler_fake_put(slot, clock_fake_now(), weight, address, depth, SPIPE_WALK_ROOT);
}
