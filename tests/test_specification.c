/* SPDX-License-Identifier: MIT */
/* Whether protocol/README.md says what the code does: its bytes, its names and its numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example_session.h"
#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#define FILE_MAX (1u << 20)

struct fixture {
    char *readme;
    char *schema;
    uint8_t shown_bytes[8192];
    uint8_t made_bytes[8192];
    struct spipe_buffer shown;
    struct spipe_buffer made;
};

static char *read_file(const char *path)
{
    char *text = calloc(1, FILE_MAX);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, FILE_MAX - 1, file);
    fclose(file);
    assert_in_range(len, 1, FILE_MAX - 2);
    return text;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->readme = read_file(SPIPE_PROTOCOL_DIR "/README.md");
    fixture->schema = read_file(SPIPE_PROTOCOL_DIR "/profile.proto");
    fixture->shown = (struct spipe_buffer){fixture->shown_bytes, 0, sizeof(fixture->shown_bytes)};
    fixture->made = (struct spipe_buffer){fixture->made_bytes, 0, sizeof(fixture->made_bytes)};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->readme);
    free(fixture->schema);
    free(fixture);
    return 0;
}

/* Reads the pairs of digits of one line up to its explanation. */
static void take_line(const char *line, const char *end, struct spipe_buffer *buffer)
{
    while (line < end && *line != '#') {
        if (*line == ' ') {
            line++;
            continue;
        }
        assert_true(isxdigit((unsigned char)line[0]) && isxdigit((unsigned char)line[1]));
        assert_true(buffer->len < buffer->capacity);
        buffer->data[buffer->len++] = (uint8_t)strtoul((const char[]){line[0], line[1], '\0'}, NULL, 16);
        line += 2;
    }
}

/* Reads all blocks that are fenced with `fence`. */
static void take_blocks(const char *text, const char *fence, struct spipe_buffer *buffer)
{
    const char *block = text;
    while ((block = strstr(block, fence)) != NULL) {
        const char *line = strchr(block, '\n') + 1;
        while (strncmp(line, "```", 3) != 0) {
            const char *end = strchr(line, '\n');
            assert_non_null(end);
            take_line(line, end, buffer);
            line = end + 1;
        }
        block = line + 3;
    }
}

static void assert_same(const struct spipe_buffer *shown, const struct spipe_buffer *made)
{
    for (size_t i = 0; i < shown->len && i < made->len; i++) {
        if (shown->data[i] != made->data[i]) {
            fail_msg("byte %zu is %02X where the encoder makes %02X", i, shown->data[i], made->data[i]);
        }
    }
    assert_int_equal(shown->len, made->len);
}

static void test_the_host_bytes_shown_are_those_of_the_encoder(void **state)
{
    struct fixture *fixture = *state;
    take_blocks(fixture->readme, "```hex host\n", &fixture->shown);
    example_session_host_bytes(&fixture->made);
    assert_same(&fixture->shown, &fixture->made);
}

static void test_the_agent_bytes_shown_are_those_of_the_encoder(void **state)
{
    struct fixture *fixture = *state;
    take_blocks(fixture->readme, "```hex agent\n", &fixture->shown);
    example_session_agent_bytes(&fixture->made);
    assert_same(&fixture->shown, &fixture->made);
}

/* Cuts the agent's bytes into messages and decodes each. Returns how many there are. */
static size_t decode_shown(struct fixture *fixture, struct spipe_arena *arena, struct spipe_record *records, size_t max)
{
    static uint8_t memory[SPIPE_AGENT_MESSAGE_MAX + 10];
    struct spipe_message_reader reader;
    struct spipe_bytes message;
    uint8_t major = 0;
    size_t count = 0;
    size_t room = 0;
    spipe_message_reader_init(&reader, memory, sizeof(memory), SPIPE_AGENT_MESSAGE_MAX);
    memcpy(spipe_message_reader_space(&reader, &room), fixture->shown.data, fixture->shown.len);
    spipe_message_reader_fed(&reader, fixture->shown.len);
    assert_int_equal(spipe_message_reader_preface(&reader, &major), SPIPE_OK);
    while (spipe_message_reader_next(&reader, &message) == SPIPE_OK) {
        assert_true(count < max);
        assert_int_equal(spipe_decode_record(message, &arena[count], &records[count]), SPIPE_OK);
        count++;
    }
    assert_false(spipe_message_reader_is_cut(&reader));
    return count;
}

static void test_the_session_shown_obeys_the_rules(void **state)
{
    struct fixture *fixture = *state;
    enum { MAX = 16, SIZE = 16384 };
    struct spipe_arena arena[MAX];
    struct spipe_record records[MAX];
    unsigned char *memory = malloc(MAX * SIZE);
    for (size_t i = 0; i < MAX; i++) {
        spipe_arena_init(&arena[i], memory + i * SIZE, SIZE);
    }
    take_blocks(fixture->readme, "```hex agent\n", &fixture->shown);
    size_t count = decode_shown(fixture, arena, records, MAX);
    const enum spipe_record_kind kinds[] = {
        SPIPE_RECORD_HELLO,   SPIPE_RECORD_APPLIED,        SPIPE_RECORD_IMAGES, SPIPE_RECORD_THREADS,
        SPIPE_RECORD_FRAMES,  SPIPE_RECORD_STACKS,         SPIPE_RECORD_SAMPLES,
        SPIPE_RECORD_COMMAND_RESULT, SPIPE_RECORD_LEDGER,  SPIPE_RECORD_GOODBYE,
    };
    assert_int_equal(count, sizeof(kinds) / sizeof(kinds[0]));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(records[i].kind, kinds[i]);
    }
    const struct spipe_samples *samples = &records[6].samples;
    const struct spipe_thread_ledger *thread = records[8].ledger.thread;
    uint64_t weights = 0;
    for (size_t i = 0; i < samples->sample_count; i++) {
        weights += samples->weight[i];
    }
    assert_int_equal(thread->sent, weights);
    assert_int_equal(thread->attempted, thread->sent + thread->pending + thread->dropped_ring_full);
    assert_int_equal(records[9].goodbye.samples_sent, samples->sample_count);
    free(memory);
}

/* Whether `name` stands in backticks somewhere. */
static bool is_mentioned(const char *readme, const char *name)
{
    char quoted[128];
    snprintf(quoted, sizeof(quoted), "`%s`", name);
    return strstr(readme, quoted) != NULL;
}

static bool is_identifier(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_';
}

/* The name before the next " = " of the schema that is outside comments; NULL behind the last one. */
static const char *next_name(const char *at, char *ret_name, size_t size)
{
    while (*at != '\0' && strncmp(at, " = ", 3) != 0) {
        at = strncmp(at, "//", 2) == 0 ? strchr(at, '\n') : at + 1;
    }
    if (*at == '\0') {
        return NULL;
    }
    const char *start = at;
    while (is_identifier(start[-1])) {
        start--;
    }
    snprintf(ret_name, size, "%.*s", (int)(at - start), start);
    return at + 3;
}

/* Names of fields are in lower case, those of enumerators are not. The members of AgentMessage, HostMessage and the
 * options are no fields in this sense. */
static bool is_field(const char *name)
{
    const char *const others[] = {
        "syntax",  "csharp_namespace", "command", "refusal", "hello",      "applied",        "samples",
        "stacks",  "frames",           "images",  "threads", "ledger",     "markers",        "strings",
        "methods", "checkpoint",       "goodbye", "command_result", "audits",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(name, others[i]) == 0) {
            return false;
        }
    }
    return islower((unsigned char)name[0]) != 0;
}

static void test_every_field_of_the_schema_is_explained(void **state)
{
    struct fixture *fixture = *state;
    const char *at = fixture->schema;
    char name[64] = "";
    size_t fields = 0;
    while ((at = next_name(at, name, sizeof(name))) != NULL) {
        if (!is_field(name)) {
            continue;
        }
        if (!is_mentioned(fixture->readme, name)) {
            fail_msg("the specification does not explain `%s`", name);
        }
        fields++;
    }
    assert_in_range(fields, 120, 300);
}

static void test_every_kind_is_explained_with_its_number(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {
        "Refusal", "Hello",   "Applied", "Samples", "Stacks",     "Frames",        "Images",  "Threads",
        "Ledger",  "Markers", "Strings", "Methods", "Checkpoint", "CommandResult", "Goodbye",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "**%s** (%zu)", names[i], i + 1);
        if (strstr(fixture->readme, text) == NULL) {
            fail_msg("the specification does not hold %s", text);
        }
    }
}

static void test_every_stand_in_is_explained_with_its_number(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"UNKNOWN",  "TOO_DEEP",    "NO_TABLE", "BAD_TABLE",      "OUTSIDE_STACK",
                                 "NOT_CODE", "NO_PROGRESS", "IN_AGENT", "GENERATED_CODE", "KERNEL"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "| %zu | `STAND_IN_%s` |", i, names[i]);
        assert_non_null(strstr(fixture->readme, text));
    }
}

static void test_the_rules_are_numbered_without_gaps(void **state)
{
    struct fixture *fixture = *state;
    const char *last = fixture->readme;
    int rules = 0;
    for (;; rules++) {
        char text[32];
        snprintf(text, sizeof(text), "\n- **R-%d** ", rules + 1);
        const char *found = strstr(last, text);
        if (found == NULL) {
            break;
        }
        last = found;
    }
    assert_in_range(rules, 20, 40);
    assert_null(strstr(last + 1, "\n- **R-"));
}

static void test_the_limits_are_those_of_the_code(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(SPIPE_HOST_MESSAGE_MAX, 65536);
    assert_int_equal(SPIPE_AGENT_MESSAGE_MAX, 262144);
    assert_non_null(strstr(fixture->readme, "| host message, agent message | 65 536 and 262 144 bytes"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_host_bytes_shown_are_those_of_the_encoder),
        TEST(test_the_agent_bytes_shown_are_those_of_the_encoder),
        TEST(test_the_session_shown_obeys_the_rules),
        TEST(test_every_field_of_the_schema_is_explained),
        TEST(test_every_kind_is_explained_with_its_number),
        TEST(test_every_stand_in_is_explained_with_its_number),
        TEST(test_the_rules_are_numbered_without_gaps),
        TEST(test_the_limits_are_those_of_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
