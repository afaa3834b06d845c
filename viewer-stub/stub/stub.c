/* SPDX-License-Identifier: MIT */
/*
 * The smallest viewer: hosts the pipe, says what it wants, and prints where the time goes, every second and at the end.
 *
 *     stackpipe-stub ENDPOINT [RATE_HZ]
 *
 * It stands on protocol/ alone and is made to be copied: one agent, one loop, arrays by id. It names places by image
 * and offset; names of functions, trees, many agents and captures are what the host library adds.
 */
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/message.h"
#include "protocol/pipe.h"
#include "protocol/status.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDS_MAX    (1u << 20) /* of each kind; what is beyond is not counted */
#define IMAGES_MAX 4096u
#define TOP        10

/* What the ids of the wire mean. They are dense, begin at 1, and all restart at a Checkpoint. */
static char *image_name[IMAGES_MAX + 1];
static uint32_t frame_image[IDS_MAX + 1], frame_offset[IDS_MAX + 1];
static uint32_t stack_frame[IDS_MAX + 1];
static uint32_t frame_count, stack_count;

/* Samples by place, which outlive a Checkpoint: the text is the key. */
struct place {
    char name[120];
    uint64_t weight_ns;
};
static struct place *place;
static size_t place_count;
static uint64_t total_ns, period_ns;
static uint64_t by_frame[IDS_MAX + 1];

/* ---------------------------------------------------------------------------------------------------------- the
 * numbers */

static void add_to_place(const char *name, uint64_t weight_ns)
{
    size_t i = 0;
    while (i < place_count && strcmp(place[i].name, name) != 0) {
        i++;
    }
    if (i == place_count) {
        struct place *more = realloc(place, (place_count + 1) * sizeof *place);
        if (more == NULL) {
            return;
        }
        place = more;
        place[place_count++] = (struct place){"", 0};
        snprintf(place[i].name, sizeof place[i].name, "%s", name);
    }
    place[i].weight_ns += weight_ns;
}

static void name_frame(uint32_t frame_id, char *name, size_t len)
{
    uint32_t image_id = frame_image[frame_id];
    if (image_id == 0) {
        snprintf(name, len, "[%s]", spipe_stand_in_name(frame_offset[frame_id]));
    } else {
        const char *path = image_id <= IMAGES_MAX && image_name[image_id] != NULL ? image_name[image_id] : "?";
        const char *slash = strrchr(path, '/');
        snprintf(name, len, "%s+0x%x", slash != NULL ? slash + 1 : path, frame_offset[frame_id]);
    }
}

/* Moves what was counted by id to places: before ids restart, and before printing. */
static void settle(void)
{
    for (uint32_t i = 1; i <= frame_count; i++) {
        char name[sizeof place->name];
        if (by_frame[i] != 0) {
            name_frame(i, name, sizeof name);
            add_to_place(name, by_frame[i]);
            by_frame[i] = 0;
        }
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->weight_ns < y->weight_ns ? 1 : x->weight_ns > y->weight_ns ? -1 : strcmp(x->name, y->name);
}

static void print(const char *title)
{
    settle();
    if (place_count != 0) {
        qsort(place, place_count, sizeof *place, compare_places);
    }
    printf("%s: %.2f s of CPU time\n", title, (double)total_ns / 1e9);
    for (size_t i = 0; i < place_count && i < TOP; i++) {
        printf("  %5.1f %%  %s\n", 100.0 * (double)place[i].weight_ns / (double)total_ns, place[i].name);
    }
    fflush(stdout);
}

/* ---------------------------------------------------------------------------------------------------------- the
 * records */

static void take_images(const struct spipe_images *images)
{
    for (size_t i = 0; i < images->image_count; i++) {
        if (images->image[i].image_id <= IMAGES_MAX) {
            free(image_name[images->image[i].image_id]);
            image_name[images->image[i].image_id] = strdup(images->image[i].path);
        }
    }
}

/* Definitions of frames and stacks come in order, so an id is the count. */
static void take_frames(const struct spipe_frames *frames)
{
    for (size_t i = 0; i < frames->count && frame_count < IDS_MAX && frames->first_frame_id + i == frame_count + 1;
         i++) {
        frame_image[++frame_count] = frames->image_id[i];
        frame_offset[frame_count] = frames->offset[i];
    }
}

static void take_stacks(const struct spipe_stacks *stacks)
{
    for (size_t i = 0; i < stacks->count && stack_count < IDS_MAX && stacks->first_stack_id + i == stack_count + 1;
         i++) {
        stack_frame[++stack_count] = stacks->frame_id[i];
    }
}

/* The innermost frame of each sample. An id that was never defined is not counted. */
static void take_samples(const struct spipe_samples *samples)
{
    for (size_t i = 0; i < samples->sample_count; i++) {
        uint32_t stack_id = samples->stack_id[i];
        uint64_t weight_ns = (samples->weight != NULL ? samples->weight[i] : 1) * period_ns;
        total_ns += weight_ns;
        if (stack_id != 0 && stack_id <= stack_count && stack_frame[stack_id] <= frame_count) {
            by_frame[stack_frame[stack_id]] += weight_ns;
        }
    }
}

/* Returns false after the agent's last words. */
static bool take_record(const struct spipe_record *record)
{
    switch (record->kind) {
    case SPIPE_RECORD_HELLO:
        fprintf(stderr, "connected: %s, process %u\n", record->hello.executable, record->hello.pid);
        return true;
    case SPIPE_RECORD_APPLIED:
        period_ns = record->applied.source_count != 0 ? record->applied.source[0].weight_quantum : 0;
        return true;
    case SPIPE_RECORD_CHECKPOINT:
        settle();
        frame_count = 0;
        stack_count = 0;
        return true;
    case SPIPE_RECORD_IMAGES:
        take_images(&record->images);
        return true;
    case SPIPE_RECORD_FRAMES:
        take_frames(&record->frames);
        return true;
    case SPIPE_RECORD_STACKS:
        take_stacks(&record->stacks);
        return true;
    case SPIPE_RECORD_SAMPLES:
        take_samples(&record->samples);
        return true;
    case SPIPE_RECORD_REFUSAL:
        fprintf(stderr, "refused: %s\n", record->refusal.text);
        return false;
    case SPIPE_RECORD_GOODBYE:
        fprintf(stderr, "goodbye: %s\n", spipe_goodbye_reason_name(record->goodbye.reason));
        return false;
    default:
        return true; /* what this viewer does not need, or what a later version has added */
    }
}

/* ------------------------------------------------------------------------------------------------------------- the
 * pipe */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* The host speaks first: the preface, then what it wants. */
static int send_configuration(struct spipe_pipe *pipe, uint32_t rate_hz)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_CONFIGURATION, .configuration = {.token = ""}};
    _Alignas(16) uint8_t scratch[8192];
    uint8_t bytes[512];
    struct spipe_arena arena;
    struct spipe_buffer buffer = {bytes, SPIPE_PREFACE_LEN, sizeof bytes};
    size_t written = 0;
    memcpy(bytes, spipe_preface, SPIPE_PREFACE_LEN);
    record.configuration.cpu_period_us = rate_hz != 0 ? 1000000 / rate_hz : 0;
    spipe_arena_init(&arena, scratch, sizeof scratch);
    int status = spipe_encode_host_record(&record, &arena, &buffer);
    return status != 0 ? status : spipe_pipe_write(pipe, bytes, buffer.len, &written);
}

/* Takes whole messages off what has been read. Returns 0 while the session goes on. */
static int take_messages(struct spipe_message_reader *reader, struct spipe_arena *arena, bool *has_preface)
{
    struct spipe_bytes message;
    struct spipe_record record;
    uint8_t major;
    int status = *has_preface ? 0 : spipe_message_reader_preface(reader, &major);
    *has_preface = *has_preface || status == 0 || status == SPIPE_E_VERSION;
    while (*has_preface && (status = spipe_message_reader_next(reader, &message)) == 0) {
        status = spipe_decode_record(message, arena, &record);
        if (status != 0 || !take_record(&record)) {
            return status != 0 ? status : SPIPE_E_END;
        }
    }
    return status == SPIPE_E_AGAIN ? 0 : status;
}

/* One session: returns why it ended. */
static int serve(struct spipe_pipe *pipe, uint32_t rate_hz)
{
    struct spipe_message_reader reader;
    struct spipe_arena arena;
    size_t window_len = SPIPE_AGENT_MESSAGE_MAX + 4096, arena_len = SPIPE_DECODE_ARENA_FOR(SPIPE_AGENT_MESSAGE_MAX);
    void *window = malloc(window_len), *memory = malloc(arena_len);
    bool has_preface = false;
    time_t printed = time(NULL);
    int status = window != NULL && memory != NULL ? send_configuration(pipe, rate_hz) : SPIPE_E_NO_MEMORY;
    spipe_message_reader_init(&reader, window, window_len, SPIPE_AGENT_MESSAGE_MAX);
    spipe_arena_init(&arena, memory, arena_len);
    while (status == 0 && !is_interrupted) {
        uint32_t events = 0;
        size_t room, len = 0;
        status = spipe_pipe_wait(pipe, SPIPE_PIPE_READABLE, -1, 1000, &events);
        void *space = spipe_message_reader_space(&reader, &room);
        if (status == 0 && events != 0 && (status = spipe_pipe_read(pipe, space, room, &len)) == 0) {
            spipe_message_reader_fed(&reader, len);
            status = take_messages(&reader, &arena, &has_preface);
        }
        status = status == SPIPE_E_AGAIN ? 0 : status;
        if (status == 0 && time(NULL) != printed) {
            printed = time(NULL);
            print("so far");
        }
    }
    free(window);
    free(memory);
    return status;
}

int main(int argc, char **argv)
{
    struct spipe_endpoint endpoint;
    struct spipe_listener listener;
    struct spipe_pipe pipe;
    const char *message = NULL;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: stackpipe-stub ENDPOINT [RATE_HZ]\n");
        return 2;
    }
    int status = spipe_endpoint_parse(argv[1], getenv("TMPDIR"), &endpoint, &message);
    status = status != 0 ? status : spipe_listener_open(&endpoint, &listener);
    if (status != 0) {
        fprintf(stderr, "stackpipe-stub: %s: %s\n", argv[1], message != NULL ? message : spipe_status_message(status));
        return 1;
    }
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    fprintf(stderr, "waiting at %s\n", argv[1]);
    while ((status = spipe_listener_accept(&listener, &pipe)) != 0 && !is_interrupted) {
        struct spipe_pipe waiting = {listener.handle, -1, true};
        uint32_t events;
        spipe_pipe_wait(&waiting, SPIPE_PIPE_READABLE, -1, 1000, &events);
    }
    if (status == 0) {
        status = serve(&pipe, argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0);
        spipe_pipe_close(&pipe);
        print(status == SPIPE_E_END ? "in all" : "in all, as far as it came");
    }
    spipe_listener_close(&listener);
    return status == SPIPE_E_END ? 0 : 1;
}
