/* SPDX-License-Identifier: MIT */
/*
 * Opens a capture cut at every length and with every byte changed in turn, and checks each time that reading takes what
 * is sound and says where it stopped.
 *
 *     damaged_capture FILE
 */
#include "viewer-stub/host/capture.h"
#include "viewer-stub/host/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer captures are sampled: at most about so many positions. */
#define POSITIONS 12000u

struct reading {
    struct spipe_capture_end end;
    uint64_t samples;
};

static unsigned failures;

static void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    failures++;
}

/* Reads the bytes into a store of its own, and makes a summary of it as `report` does. */
static struct reading read_bytes(const uint8_t *bytes, size_t len)
{
    struct reading reading = {.samples = 0};
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_summary summary;

    if (store == NULL || spipe_capture_load_memory(bytes, len, store, &reading.end) != 0) {
        fail("%zu bytes cannot be read\n", len);
    } else if (spipe_summary_init(store, NULL, &reading.end, 5, &summary) == 0) {
        reading.samples = summary.samples;
        spipe_summary_done(&summary);
    }
    spipe_store_free(store);
    return reading;
}

static void cut_everywhere(const uint8_t *bytes, size_t len, size_t step, const struct reading *whole)
{
    uint64_t last = 0;

    for (size_t cut = 0; cut < len; cut += step) {
        struct reading part = read_bytes(bytes, cut);

        if (part.end.reason != SPIPE_CAPTURE_CUT || part.end.offset > cut || part.end.text[0] == '\0') {
            fail("cut at %zu: %s at %" PRIu64 " (%s)\n", cut, spipe_capture_reason_name(part.end.reason),
                 part.end.offset, part.end.text);
        }
        if (part.samples < last || part.samples > whole->samples) {
            fail("cut at %zu: %" PRIu64 " samples, %" PRIu64 " before\n", cut, part.samples, last);
        }
        last = part.samples;
    }
}

/* A changed byte may change a number and nothing else. What cannot be is a reading that ends outside the bytes, or one
 * that stops early and says that all is well. */
static void change_everywhere(uint8_t *bytes, size_t len, size_t step, const struct reading *whole, uint8_t change)
{
    for (size_t at = 0; at < len; at += step) {
        struct reading part;

        bytes[at] ^= change;
        part = read_bytes(bytes, len);
        bytes[at] ^= change;
        if (part.end.offset > len || part.end.skipped_bytes > len) {
            fail("changed at %zu: stopped at %" PRIu64 " of %zu\n", at, part.end.offset, len);
        }
        if (part.end.reason == SPIPE_CAPTURE_ENDED && part.end.messages + 1 < whole->end.messages) {
            fail("changed at %zu: %" PRIu64 " of %" PRIu64 " messages, and no word of it\n", at, part.end.messages,
                 whole->end.messages);
        }
        if (part.end.reason != SPIPE_CAPTURE_ENDED && part.end.text[0] == '\0') {
            fail("changed at %zu: stopped without a reason\n", at);
        }
    }
}

static uint8_t *read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long len = 0;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) > 0) {
        rewind(file);
        bytes = malloc((size_t)len);
        if (bytes != NULL && fread(bytes, 1, (size_t)len, file) != (size_t)len) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    *ret_len = (size_t)len;
    return bytes;
}

int main(int argc, char **argv)
{
    size_t len = 0;
    uint8_t *bytes = argc == 2 ? read_file(argv[1], &len) : NULL;
    struct reading whole;
    size_t step;

    if (bytes == NULL) {
        fprintf(stderr, "usage: damaged_capture FILE\n");
        return 2;
    }
    step = 1 + len / POSITIONS;
    whole = read_bytes(bytes, len);
    if (whole.end.reason != SPIPE_CAPTURE_ENDED || whole.samples == 0) {
        fail("the capture is not sound to begin with: %s\n", whole.end.text);
    }
    cut_everywhere(bytes, len, step, &whole);
    change_everywhere(bytes, len, step, &whole, 0xff);
    change_everywhere(bytes, len, step, &whole, 0x01);
    change_everywhere(bytes, len, step, &whole, 0x80);
    printf("%zu bytes in steps of %zu, %" PRIu64 " samples: %u wrong\n", len, step, whole.samples, failures);
    free(bytes);
    return failures != 0;
}
