/* SPDX-License-Identifier: MIT */
/*
 * Writes a capture of any size, for looking at speed:  make_capture FILE SAMPLES
 *
 * 16 threads, 64 images, 20 000 stacks up to 40 deep, messages of 4 000 samples: what a large program gives.
 */
#include "records.h"

#include <stdlib.h>

#define THREADS 16u
#define IMAGES  64u
#define FRAMES  8000u
#define STACKS  20000u
#define BATCH   4000u
#define RUN     250u

static uint64_t random_state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % below);
}

static void define(struct records *records)
{
    static uint32_t image_id[FRAMES], offset[FRAMES], parent_back[STACKS], frame_id[STACKS], depth[STACKS + 1];
    char text[64];
    for (uint32_t i = 1; i <= THREADS; i++) {
        snprintf(text, sizeof text, "worker %u", i);
        records_thread(records, i, 1000 + i, text);
    }
    for (uint32_t i = 1; i <= IMAGES; i++) {
        snprintf(text, sizeof text, "/usr/lib/lib%u.so", i);
        records_image(records, i, text, (uint8_t)i);
    }
    for (uint32_t i = 0; i < FRAMES; i++) {
        image_id[i] = 1 + pick(IMAGES);
        offset[i] = pick(1u << 20);
    }
    for (uint32_t i = 0; i < STACKS; i++) {
        uint32_t back = i > 0 ? 1 + pick(i < 30 ? i : 30) : 0;
        bool is_root = back == 0 || depth[i + 1 - back] >= 40;
        parent_back[i] = is_root ? 0 : back;
        depth[i + 1] = is_root ? 1 : depth[i + 1 - back] + 1;
        frame_id[i] = 1 + pick(FRAMES);
    }
    for (uint32_t i = 0; i < FRAMES; i += 2000) {
        struct spipe_record record = {.kind = SPIPE_RECORD_FRAMES,
                                      .frames = {i + 1, image_id + i, offset + i, NULL, 2000}};
        records_add(records, &record);
    }
    for (uint32_t i = 0; i < STACKS; i += 2000) {
        struct spipe_record record = {.kind = SPIPE_RECORD_STACKS,
                                      .stacks = {i + 1, parent_back + i, frame_id + i, 2000}};
        records_add(records, &record);
    }
}

static void add_batch(struct records *records, uint64_t time, size_t count)
{
    static uint32_t thread_id[BATCH / RUN], run_length[BATCH / RUN], time_delta[BATCH], stack_id[BATCH];
    size_t runs = 0;
    for (size_t at = 0; at < count; at += RUN) {
        thread_id[runs] = 1 + (uint32_t)runs % THREADS;
        run_length[runs++] = (uint32_t)(count - at < RUN ? count - at : RUN);
    }
    for (size_t i = 0; i < count; i++) {
        time_delta[i] = 900 + pick(200);
        stack_id[i] = 1 + pick(STACKS);
    }
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples =
        (struct spipe_samples){1, time, thread_id, run_length, runs, time_delta, stack_id, NULL, NULL, count};
    records_add(records, &record);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[1], "wb") : NULL;
    uint64_t wanted = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct records records;
    if (file == NULL) {
        fprintf(stderr, "usage: make_capture FILE SAMPLES\n");
        return 2;
    }
    records_init(&records);
    records_begin(&records, 1);
    define(&records);
    for (uint64_t done = 0, time = 0; done < wanted; done += BATCH, time += RUN * 1100) {
        add_batch(&records, time, (size_t)(wanted - done < BATCH ? wanted - done : BATCH));
        fwrite(records.data, 1, records.len, file);
        records_clear(&records);
    }
    records_goodbye(&records, SPIPE_GOODBYE_TARGET_EXITS);
    fwrite(records.data, 1, records.len, file);
    records_done(&records);
    return fclose(file) == 0 ? 0 : 1;
}
