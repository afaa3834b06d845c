/* SPDX-License-Identifier: MIT */
#include "perf_record.h"

#include <string.h>

/* In words of 8 bytes. */
enum head {
    HEAD_HEADER = 0,
    HEAD_TID = 1,               /* pid in the low half, tid in the high one */
    HEAD_TIME = 2,
    HEAD_PERIOD = 3,
    HEAD_ABI = 4,               /* 0: no registers follow */
    HEAD_REGISTERS = 5,
    HEAD_SLICE_LEN = 22
};

_Static_assert((HEAD_SLICE_LEN + 1) * 8 == SPIPE_PERF_HEAD_BYTES, "the head ends with the slice's length");

/* perf's order of registers (asm/perf_regs.h, without the segments) to DWARF's. */
static const uint8_t order[SPIPE_REGISTER_COUNT] = {0, 3, 2, 1, 4, 5, 6, 7, 16, 8, 9, 10, 11, 12, 13, 14, 15};

bool spipe_perf_record_read(const unsigned char *head, size_t record_len, struct spipe_perf_sample *ret_sample)
{
    uint64_t word[HEAD_SLICE_LEN + 1];
    if (record_len < SPIPE_PERF_HEAD_BYTES + SPIPE_PERF_TAIL_BYTES)
        return false;
    memcpy(word, head, sizeof word);
    if (word[HEAD_ABI] == 0 || word[HEAD_SLICE_LEN] != record_len - SPIPE_PERF_HEAD_BYTES - SPIPE_PERF_TAIL_BYTES)
        return false;
    ret_sample->tid = (int32_t)(word[HEAD_TID] >> 32);
    ret_sample->time_ns = word[HEAD_TIME];
    ret_sample->period_ns = word[HEAD_PERIOD];
    ret_sample->slice_len = (uint32_t)word[HEAD_SLICE_LEN];
    for (unsigned i = 0; i < SPIPE_REGISTER_COUNT; i++)
        ret_sample->registers.value[order[i]] = word[HEAD_REGISTERS + i];
    return true;
}
