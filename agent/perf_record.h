/* SPDX-License-Identifier: MIT */
/*
 * What a sample's record in perf's ring says: thread, time, registers. Behind its head lies a slice of the stack, from
 * the stack pointer upwards, and behind that how much of the slice could be read. Nothing in a record is trusted. Any
 * thread.
 */
#ifndef SPIPE_AGENT_PERF_RECORD_H
#define SPIPE_AGENT_PERF_RECORD_H

#include "unwind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What samples are to hold, as perf_event_attr has it: tid, time, period, user registers and user stack; of the
 * registers the general ones and rip. */
#define SPIPE_PERF_SAMPLE_TYPE UINT64_C(0x3106)
#define SPIPE_PERF_REGISTERS UINT64_C(0xff01ff)

#define SPIPE_PERF_HEAD_BYTES 184u
#define SPIPE_PERF_TAIL_BYTES 8u

struct spipe_perf_sample {
    uint64_t time_ns;
    uint64_t period_ns;
    int32_t tid;
    uint32_t slice_len;
    struct spipe_registers registers;
};

/* Reads the head of a sample whose record has `record_len` bytes. False when it is none of ours. */
bool spipe_perf_record_read(const unsigned char *head, size_t record_len, struct spipe_perf_sample *ret_sample);

#endif
