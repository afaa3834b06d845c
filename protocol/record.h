/* SPDX-License-Identifier: MIT */
/*
 * What the messages of profile.proto say, as plain C structs.
 *
 * Meaning, units and rules of each field are those of profile.proto; the names are the same. Texts are UTF-8, end with
 * NUL and are never NULL ("" is "not given"). A column is a pointer and the count that its group shares; NULL means
 * that the column is empty and each entry is the default. Everything a record points to is borrowed: a decoded record
 * lives as long as its arena is not reset, a record to be encoded as long as the call.
 */
#ifndef SPIPE_PROTOCOL_RECORD_H
#define SPIPE_PROTOCOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPIPE_PROTOCOL_MAJOR 1
#define SPIPE_PROTOCOL_MINOR 0

/* Limits on the length of one message, both ways, in bytes without the length prefix. */
#define SPIPE_HOST_MESSAGE_MAX (64u * 1024u)
#define SPIPE_AGENT_MESSAGE_MAX (256u * 1024u)
/* What agents of this version keep to. */
#define SPIPE_AGENT_MESSAGE_USUAL_MAX (64u * 1024u)

/* The 8 bytes that each side sends first: "STKPIPE" and the major version. */
#define SPIPE_PREFACE_LEN 8u
extern const uint8_t spipe_preface[SPIPE_PREFACE_LEN];

#define SPIPE_SYNC_LEN 24u

struct spipe_bytes {
    const uint8_t *data;
    size_t len;
};

/* ---------------------------------------------------------------------------------------------------- host to agent */

struct spipe_configuration {
    const char *token;
    bool hold;
    uint32_t cpu_period_us;
    uint32_t wall_period_us;
    uint32_t allocation_bytes;
    uint32_t max_depth;
    uint32_t flush_interval_ms;
    uint32_t buffer_kib;
    uint32_t checkpoint_interval_ms;
    uint32_t stop_after_ms;
    bool send_arguments;
    bool follow_children;
    uint32_t reconnect_ms;
    uint32_t audit_interval;
    uint32_t budget_ppm;
};

/* Numbers are those of Command.action. SPIPE_ACTION_NONE is an action that this version does not know. */
enum spipe_action {
    SPIPE_ACTION_NONE = 0,
    SPIPE_ACTION_CONFIGURE = 2,
    SPIPE_ACTION_PAUSE = 3,
    SPIPE_ACTION_RESUME = 4,
    SPIPE_ACTION_FLUSH = 5,
    SPIPE_ACTION_MARK = 6,
    SPIPE_ACTION_RESTART_TABLES = 7,
    SPIPE_ACTION_STOP = 8
};

struct spipe_command {
    uint32_t command_id;
    enum spipe_action action;
    struct spipe_configuration configure;   /* SPIPE_ACTION_CONFIGURE */
    const char *text;                       /* SPIPE_ACTION_MARK and SPIPE_ACTION_STOP, else "" */
    bool do_not_reconnect;                  /* SPIPE_ACTION_STOP */
};

enum spipe_host_record_kind {
    SPIPE_HOST_RECORD_UNKNOWN = 0,
    SPIPE_HOST_RECORD_CONFIGURATION = 1,
    SPIPE_HOST_RECORD_COMMAND = 2
};

struct spipe_host_record {
    enum spipe_host_record_kind kind;
    union {
        struct spipe_configuration configuration;
        struct spipe_command command;
    };
};

/* ---------------------------------------------------------------------------------------------------- agent to host */

struct spipe_refusal {
    uint32_t supported_major;
    const char *text;
};

struct spipe_hello {
    uint32_t protocol_minor;
    const char *agent_version;
    struct spipe_bytes session_id;
    struct spipe_bytes process_id;
    uint32_t session_number;
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t start_time_us;
    const char *executable;
    const char *const *argument;
    size_t argument_count;
    const char *operating_system;
    const char *architecture;
    const char *cpu_model;
    uint32_t cpu_count;
    uint32_t kernel_tick_hz;
    uint64_t origin_ns;
    uint64_t origin_unix_us;
    const char *const *capability;
    size_t capability_count;
    struct spipe_bytes parent_process_id;
    struct spipe_bytes previous_session_id;
};

enum spipe_source_kind {
    SPIPE_SOURCE_UNKNOWN = 0,
    SPIPE_SOURCE_CPU = 1,
    SPIPE_SOURCE_WALL = 2,
    SPIPE_SOURCE_ALLOCATION = 3,
    SPIPE_SOURCE_LOCK = 4,
    SPIPE_SOURCE_EXCEPTION = 5
};

enum spipe_unit { SPIPE_UNIT_UNKNOWN = 0, SPIPE_UNIT_NANOSECONDS = 1, SPIPE_UNIT_BYTES = 2, SPIPE_UNIT_COUNT = 3 };

struct spipe_source {
    uint32_t source_id;
    enum spipe_source_kind kind;
    enum spipe_unit unit;
    uint32_t weight_quantum;
    const char *mechanism;
    bool tick_aligned;
};

struct spipe_unmet {
    uint32_t field_number;
    const char *text;
};

struct spipe_applied {
    struct spipe_configuration configuration;
    uint32_t time_quantum_ns;
    struct spipe_bytes configuration_hash;
    const struct spipe_source *source;
    size_t source_count;
    const struct spipe_unmet *unmet;
    size_t unmet_count;
    uint64_t time;
};

enum spipe_state { SPIPE_STATE_RUNNING = 0, SPIPE_STATE_WAITING = 1, SPIPE_STATE_RUNNABLE = 2 };

struct spipe_samples {
    uint32_t source_id;
    uint64_t start_time;
    const uint32_t *run_thread_id;
    const uint32_t *run_length;
    size_t run_count;
    const uint32_t *time_delta;
    const uint32_t *stack_id;
    const uint32_t *weight;     /* may be NULL: all 1 */
    const uint32_t *state;      /* may be NULL: all SPIPE_STATE_RUNNING */
    size_t sample_count;
};

struct spipe_stacks {
    uint32_t first_stack_id;
    const uint32_t *parent_back;
    const uint32_t *frame_id;
    size_t count;
};

enum spipe_stand_in {
    SPIPE_STAND_IN_UNKNOWN = 0,
    SPIPE_STAND_IN_TOO_DEEP = 1,
    SPIPE_STAND_IN_NO_TABLE = 2,
    SPIPE_STAND_IN_BAD_TABLE = 3,
    SPIPE_STAND_IN_OUTSIDE_STACK = 4,
    SPIPE_STAND_IN_NOT_CODE = 5,
    SPIPE_STAND_IN_NO_PROGRESS = 6,
    SPIPE_STAND_IN_IN_AGENT = 7,
    SPIPE_STAND_IN_GENERATED_CODE = 8,
    SPIPE_STAND_IN_KERNEL = 9,
    SPIPE_STAND_IN_NOT_SEEN = 10
};

struct spipe_frames {
    uint32_t first_frame_id;
    const uint32_t *image_id;
    const uint32_t *offset;
    const uint32_t *method_id;  /* may be NULL: none */
    size_t count;
};

enum spipe_unwind { SPIPE_UNWIND_UNKNOWN = 0, SPIPE_UNWIND_FULL = 1, SPIPE_UNWIND_PARTIAL = 2, SPIPE_UNWIND_NONE = 3 };

struct spipe_image {
    uint32_t image_id;
    const char *path;
    struct spipe_bytes build_id;
    uint64_t load_address;
    uint64_t size;
    uint64_t address_in_file;
    enum spipe_unwind unwind;
};

struct spipe_images {
    const struct spipe_image *image;
    size_t image_count;
    const uint32_t *gone_image_id;
    size_t gone_count;
};

struct spipe_thread {
    uint32_t thread_id;
    uint32_t tid;
    const char *name;
    uint64_t time;
};

struct spipe_threads {
    const struct spipe_thread *thread;
    size_t thread_count;
    const uint32_t *gone_thread_id;
    size_t gone_count;
};

/* For each thread and source: attempted = sent + pending + the drops. */
struct spipe_thread_ledger {
    uint32_t thread_id;
    uint32_t source_id;         /* 0: the CPU source */
    uint64_t attempted;
    uint64_t sent;
    uint64_t pending;
    uint64_t cpu_us;
    uint64_t dropped_ring_full;
    uint64_t dropped_pipe_full;
    uint64_t dropped_paused;
    uint64_t dropped_no_slot;
    uint64_t dropped_in_agent;
    uint64_t dropped_blocked;
    uint64_t dropped_other;
};

struct spipe_ledger {
    uint64_t time;
    uint64_t complete_until;
    const struct spipe_thread_ledger *thread;
    size_t thread_count;
    uint64_t bytes_sent;
    uint64_t agent_cpu_us;
    uint32_t handler_p50_ns;
    uint32_t handler_p99_ns;
    uint32_t handler_max_ns;
    uint32_t unwind_faults;
    uint32_t sleeps_cut_short;
    uint64_t unix_us;
    uint64_t process_user_us;
    uint64_t process_system_us;
    uint64_t handler_cpu_us;
    uint32_t stretch_percent;
    uint32_t longest_stretch_percent;
    uint64_t sampling_cpu_us;
    uint64_t previous_attempted;
    uint64_t lost_between;
};

struct spipe_strings {
    uint32_t first_string_id;
    const char *const *text;
    size_t count;
};

enum spipe_method_kind {
    SPIPE_METHOD_UNKNOWN = 0,
    SPIPE_METHOD_JIT = 1,
    SPIPE_METHOD_PRECOMPILED = 2,
    SPIPE_METHOD_INTERPRETED = 3,
    SPIPE_METHOD_STUB = 4
};

struct spipe_method {
    uint32_t method_id;
    uint32_t name_string_id;
    uint32_t file_string_id;
    uint32_t line;
    enum spipe_method_kind kind;
};

struct spipe_methods {
    const struct spipe_method *method;
    size_t count;
};

/* Registers in spipe_audit.registers: those that DWARF numbers on x86-64. */
#define SPIPE_AUDIT_REGISTERS 17u

struct spipe_audit {
    uint32_t thread_id;
    uint64_t time;
    uint32_t stack_id;
    struct spipe_bytes registers;   /* 8 bytes each */
    uint64_t stack_address;
    struct spipe_bytes stack;
    bool is_cut;
};

struct spipe_audits {
    const struct spipe_audit *audit;
    size_t count;
    uint32_t own_image_id;
    uint32_t skipped;
};

enum spipe_phase { SPIPE_PHASE_INSTANT = 0, SPIPE_PHASE_BEGIN = 1, SPIPE_PHASE_END = 2, SPIPE_PHASE_COUNT = 3 };

struct spipe_markers {
    uint64_t start_time;
    const uint32_t *time_delta;
    const uint32_t *thread_id;
    const uint32_t *name_string_id;
    const uint32_t *phase;      /* may be NULL: all SPIPE_PHASE_INSTANT */
    const int32_t *value;       /* may be NULL: all 0 */
    size_t count;
};

struct spipe_checkpoint {
    uint32_t checkpoint_number;
    uint64_t time;
    struct spipe_bytes sync;    /* SPIPE_SYNC_LEN bytes: the preface, then the session id */
};

enum spipe_command_status {
    SPIPE_COMMAND_UNKNOWN = 0,
    SPIPE_COMMAND_DONE = 1,
    SPIPE_COMMAND_PARTLY = 2,
    SPIPE_COMMAND_REFUSED = 3,
    SPIPE_COMMAND_NOT_KNOWN = 4
};

struct spipe_command_result {
    uint32_t command_id;
    enum spipe_command_status status;
    const char *text;
    uint64_t time;
};

enum spipe_goodbye_reason {
    SPIPE_GOODBYE_UNKNOWN = 0,
    SPIPE_GOODBYE_TARGET_EXITS = 1,
    SPIPE_GOODBYE_TOLD_TO_STOP = 2,
    SPIPE_GOODBYE_TIME_IS_UP = 3,
    SPIPE_GOODBYE_TARGET_EXECS = 4,
    SPIPE_GOODBYE_AGENT_FAILED = 5
};

struct spipe_goodbye {
    enum spipe_goodbye_reason reason;
    const char *text;
    uint64_t samples_sent;
    uint64_t samples_dropped;
};

/* The numbers are those of AgentMessage.kind. */
enum spipe_record_kind {
    SPIPE_RECORD_UNKNOWN = 0,   /* a kind of a later version, to be stepped over */
    SPIPE_RECORD_REFUSAL = 1,
    SPIPE_RECORD_HELLO = 2,
    SPIPE_RECORD_APPLIED = 3,
    SPIPE_RECORD_SAMPLES = 4,
    SPIPE_RECORD_STACKS = 5,
    SPIPE_RECORD_FRAMES = 6,
    SPIPE_RECORD_IMAGES = 7,
    SPIPE_RECORD_THREADS = 8,
    SPIPE_RECORD_LEDGER = 9,
    SPIPE_RECORD_MARKERS = 10,
    SPIPE_RECORD_STRINGS = 11,
    SPIPE_RECORD_METHODS = 12,
    SPIPE_RECORD_CHECKPOINT = 13,
    SPIPE_RECORD_COMMAND_RESULT = 14,
    SPIPE_RECORD_GOODBYE = 15,
    SPIPE_RECORD_AUDITS = 16
};

struct spipe_record {
    enum spipe_record_kind kind;
    union {
        struct spipe_refusal refusal;
        struct spipe_hello hello;
        struct spipe_applied applied;
        struct spipe_samples samples;
        struct spipe_stacks stacks;
        struct spipe_frames frames;
        struct spipe_images images;
        struct spipe_threads threads;
        struct spipe_ledger ledger;
        struct spipe_markers markers;
        struct spipe_strings strings;
        struct spipe_methods methods;
        struct spipe_checkpoint checkpoint;
        struct spipe_command_result command_result;
        struct spipe_goodbye goodbye;
        struct spipe_audits audits;
    };
};

/* The record's kind in lower case, such as "samples"; "unknown" for others. A static string. */
const char *spipe_record_kind_name(enum spipe_record_kind kind);

/* Why a stack ends where it ends, such as "too deep"; "unknown" for numbers of later versions. A static string. */
const char *spipe_stand_in_name(uint32_t stand_in);

/* Why a session ended, such as "target exits". A static string. */
const char *spipe_goodbye_reason_name(uint32_t reason);

#endif
