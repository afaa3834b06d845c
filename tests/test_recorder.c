/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/message.h"
#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/recorder.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct spipe_bytes preface(void)
{
    return (struct spipe_bytes){spipe_preface, SPIPE_PREFACE_LEN};
}

/* A message of `len` bytes and its length in front; valid until the next call. */
static struct spipe_bytes message(size_t len)
{
    static uint8_t bytes[70000];
    size_t prefix = spipe_varint_write(len, bytes);
    memset(bytes + prefix, 'm', len);
    return (struct spipe_bytes){bytes, prefix + len};
}

static void test_units_are_kept_byte_by_byte(void **state)
{
    const char *path = tool_files_path(state, "a.spipe");
    struct spipe_recorder recorder;
    assert_int_equal(spipe_recorder_open(&recorder, path), 0);
    assert_int_equal(spipe_recorder_add(&recorder, preface()), 0);
    assert_int_equal(spipe_recorder_add(&recorder, message(3)), 0);
    assert_int_equal(spipe_recorder_close(&recorder), 0);
    size_t len = 0;
    char *bytes = tool_files_read(path, &len);
    assert_int_equal(len, 12);
    assert_memory_equal(bytes, "STKPIPE\x01\x03mmm", 12);
    free(bytes);
}

static void test_a_new_file_is_for_its_owner_only(void **state)
{
    const char *path = tool_files_path(state, "a.spipe");
    struct spipe_recorder recorder;
    assert_int_equal(spipe_recorder_open(&recorder, path), 0);
    spipe_recorder_add(&recorder, preface());
    assert_int_equal(spipe_recorder_close(&recorder), 0);
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
}

static void test_an_earlier_capture_stays_until_there_is_a_new_one(void **state)
{
    const char *path = tool_files_path(state, "a.spipe");
    tool_files_write(path, "an earlier capture", 18, 0600);
    struct spipe_recorder recorder;
    assert_int_equal(spipe_recorder_open(&recorder, path), 0);
    assert_int_equal(spipe_recorder_close(&recorder), 0);
    char *bytes = tool_files_read(path, NULL);
    assert_string_equal(bytes, "an earlier capture");
    free(bytes);

    assert_int_equal(spipe_recorder_open(&recorder, path), 0);
    spipe_recorder_add(&recorder, preface());
    assert_int_equal(spipe_recorder_close(&recorder), 0);
    size_t len = 0;
    free(tool_files_read(path, &len));
    assert_int_equal(len, SPIPE_PREFACE_LEN);
}

static void test_a_file_made_for_nothing_goes_away(void **state)
{
    const char *path = tool_files_path(state, "a.spipe");
    struct spipe_recorder recorder;
    assert_int_equal(spipe_recorder_open(&recorder, path), 0);
    spipe_recorder_add(&recorder, preface());
    spipe_recorder_discard(&recorder);
    assert_int_equal(spipe_recorder_close(&recorder), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_a_place_that_cannot_be_written_is_named_with_its_reason(void **state)
{
    (void)state;
    struct spipe_recorder recorder;
    assert_int_equal(spipe_recorder_open(&recorder, "/no/such/folder/a.spipe"), SPIPE_E_NOT_FOUND);
    assert_string_equal(recorder.text, "No such file or directory");
    assert_int_not_equal(spipe_recorder_open(&recorder, "/tmp"), 0);
    assert_string_not_equal(recorder.text, "");
}

/* Records messages until the file may grow no more, in a process of its own, where that is the limit. */
static void record_into_little_room(const char *path, rlim_t room)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {room, room};
    struct spipe_recorder recorder;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || spipe_recorder_open(&recorder, path) != 0) {
        _exit(10);
    }
    spipe_recorder_add(&recorder, preface());
    int status = 0;
    for (int i = 0; i < 400 && status == 0; i++) {
        status = spipe_recorder_add(&recorder, message(i % 2 == 0 ? 9000 : 100));
    }
    bool refuses_more = spipe_recorder_add(&recorder, message(1)) == SPIPE_E_NO_SPACE;
    bool says_why = recorder.text[0] != '\0';
    _exit(status == SPIPE_E_NO_SPACE && refuses_more && says_why && spipe_recorder_close(&recorder) == SPIPE_E_NO_SPACE
              ? 0
              : 11);
}

/* True when the bytes are whole units from beginning to end. */
static bool is_whole(const uint8_t *bytes, size_t len)
{
    if (len < SPIPE_PREFACE_LEN) {
        return len == 0;
    }
    struct spipe_message_reader reader;
    static uint8_t memory[100000];
    spipe_message_reader_init(&reader, memory, sizeof memory, 70000);
    for (size_t at = 0; at < len;) {
        size_t room = 0;
        void *space = spipe_message_reader_space(&reader, &room);
        size_t chunk = room < len - at ? room : len - at;
        memcpy(space, bytes + at, chunk);
        spipe_message_reader_fed(&reader, chunk);
        uint8_t major = 0;
        if (at == 0 && spipe_message_reader_preface(&reader, &major) != 0) {
            return false;
        }
        at += chunk;
        struct spipe_bytes next;
        while (spipe_message_reader_next(&reader, &next) == 0) {
        }
    }
    return !spipe_message_reader_is_cut(&reader);
}

static void test_when_the_disk_is_full_the_file_ends_with_a_whole_message(void **state)
{
    const rlim_t rooms[] = {7, 8, 9, 20000, 262144, 300001};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        const char *path = tool_files_path(state, "a.spipe");
        pid_t pid = fork();
        if (pid == 0) {
            record_into_little_room(path, rooms[i]);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
        size_t len = 0;
        char *bytes = tool_files_read(path, &len);
        assert_true(len <= rooms[i]);
        assert_true(rooms[i] < 20000 || len > rooms[i] - 20000);
        assert_true(is_whole((const uint8_t *)bytes, len));
        free(bytes);
    }
}

static void test_a_device_without_room_is_a_failure_too(void **state)
{
    (void)state;
    struct spipe_recorder recorder;
    if (spipe_recorder_open(&recorder, "/dev/full") != 0) {
        skip();
    }
    assert_int_equal(spipe_recorder_add(&recorder, preface()), 0);
    assert_int_equal(spipe_recorder_flush(&recorder), SPIPE_E_NO_SPACE);
    assert_int_equal(spipe_recorder_close(&recorder), SPIPE_E_NO_SPACE);
}

static void test_units_larger_than_the_buffer_are_taken(void **state)
{
    const char *path = tool_files_path(state, "a.spipe");
    struct spipe_recorder recorder;
    assert_int_equal(spipe_recorder_open(&recorder, path), 0);
    spipe_recorder_add(&recorder, preface());
    size_t size = 300000;
    uint8_t *large = calloc(1, size + 10);
    size_t prefix = spipe_varint_write(size, large);
    assert_int_equal(spipe_recorder_add(&recorder, (struct spipe_bytes){large, prefix + size}), 0);
    assert_int_equal(spipe_recorder_close(&recorder), 0);
    size_t len = 0;
    free(tool_files_read(path, &len));
    assert_int_equal(len, SPIPE_PREFACE_LEN + prefix + size);
    free(large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_units_are_kept_byte_by_byte),
        TEST(test_a_new_file_is_for_its_owner_only),
        TEST(test_an_earlier_capture_stays_until_there_is_a_new_one),
        TEST(test_a_file_made_for_nothing_goes_away),
        TEST(test_a_place_that_cannot_be_written_is_named_with_its_reason),
        TEST(test_when_the_disk_is_full_the_file_ends_with_a_whole_message),
        TEST(test_a_device_without_room_is_a_failure_too),
        TEST(test_units_larger_than_the_buffer_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
