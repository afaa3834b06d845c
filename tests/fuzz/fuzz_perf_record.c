/* SPDX-License-Identifier: MIT */
/* Any bytes as a record in perf's ring, which lies in memory that the program can write as well. */
#include "agent/perf_record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The head is there in full, whatever length the record claims; that is the input's first two bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spipe_perf_sample sample;
    if (size < 2 + SPIPE_PERF_HEAD_BYTES)
        return 0;
    size_t record_len = data[0] | (size_t)data[1] << 8;
    unsigned char *head = malloc(SPIPE_PERF_HEAD_BYTES);
    memcpy(head, data + 2, SPIPE_PERF_HEAD_BYTES);
    if (spipe_perf_record_read(head, record_len, &sample)) {
        require(sample.slice_len <= record_len - SPIPE_PERF_HEAD_BYTES - SPIPE_PERF_TAIL_BYTES);
    }
    free(head);
    return 0;
}
