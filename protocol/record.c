/* SPDX-License-Identifier: MIT */
#include "record.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const uint8_t spipe_preface[SPIPE_PREFACE_LEN] = {'S', 'T', 'K', 'P', 'I', 'P', 'E', SPIPE_PROTOCOL_MAJOR};

static const char *const record_kinds[] = {
    [SPIPE_RECORD_UNKNOWN] = "unknown",
    [SPIPE_RECORD_REFUSAL] = "refusal",
    [SPIPE_RECORD_HELLO] = "hello",
    [SPIPE_RECORD_APPLIED] = "applied",
    [SPIPE_RECORD_SAMPLES] = "samples",
    [SPIPE_RECORD_STACKS] = "stacks",
    [SPIPE_RECORD_FRAMES] = "frames",
    [SPIPE_RECORD_IMAGES] = "images",
    [SPIPE_RECORD_THREADS] = "threads",
    [SPIPE_RECORD_LEDGER] = "ledger",
    [SPIPE_RECORD_MARKERS] = "markers",
    [SPIPE_RECORD_STRINGS] = "strings",
    [SPIPE_RECORD_METHODS] = "methods",
    [SPIPE_RECORD_CHECKPOINT] = "checkpoint",
    [SPIPE_RECORD_COMMAND_RESULT] = "command result",
    [SPIPE_RECORD_GOODBYE] = "goodbye",
    [SPIPE_RECORD_AUDITS] = "audits",
};

static const char *const stand_ins[] = {
    [SPIPE_STAND_IN_UNKNOWN] = "unknown",
    [SPIPE_STAND_IN_TOO_DEEP] = "too deep",
    [SPIPE_STAND_IN_NO_TABLE] = "no unwind table",
    [SPIPE_STAND_IN_BAD_TABLE] = "bad unwind table",
    [SPIPE_STAND_IN_OUTSIDE_STACK] = "outside the thread's stack",
    [SPIPE_STAND_IN_NOT_CODE] = "return address is no code",
    [SPIPE_STAND_IN_NO_PROGRESS] = "no progress",
    [SPIPE_STAND_IN_IN_AGENT] = "in the agent",
    [SPIPE_STAND_IN_GENERATED_CODE] = "generated code",
    [SPIPE_STAND_IN_KERNEL] = "kernel",
    [SPIPE_STAND_IN_NOT_SEEN] = "stack not seen",
};

static const char *const goodbye_reasons[] = {
    [SPIPE_GOODBYE_UNKNOWN] = "unknown",
    [SPIPE_GOODBYE_TARGET_EXITS] = "target exits",
    [SPIPE_GOODBYE_TOLD_TO_STOP] = "told to stop",
    [SPIPE_GOODBYE_TIME_IS_UP] = "time is up",
    [SPIPE_GOODBYE_TARGET_EXECS] = "target execs",
    [SPIPE_GOODBYE_AGENT_FAILED] = "agent failed",
};

static const char *find_name(const char *const *names, size_t count, uint32_t number)
{
    return number < count ? names[number] : "unknown";
}

const char *spipe_record_kind_name(enum spipe_record_kind kind)
{
    return find_name(record_kinds, COUNT_OF(record_kinds), (uint32_t)kind);
}

const char *spipe_stand_in_name(uint32_t stand_in)
{
    return find_name(stand_ins, COUNT_OF(stand_ins), stand_in);
}

const char *spipe_goodbye_reason_name(uint32_t reason)
{
    return find_name(goodbye_reasons, COUNT_OF(goodbye_reasons), reason);
}
