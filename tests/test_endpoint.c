/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "protocol/endpoint.h"
#include "protocol/status.h"

static struct spipe_endpoint parse(const char *text, const char *temporary_folder)
{
    struct spipe_endpoint endpoint;
    const char *message = NULL;
    assert_int_equal(spipe_endpoint_parse(text, temporary_folder, &endpoint, &message), SPIPE_OK);
    assert_null(message);
    return endpoint;
}

static void assert_refused(const char *text, int expected)
{
    struct spipe_endpoint endpoint;
    struct spipe_endpoint before;
    const char *message = NULL;
    memset(&endpoint, 0x5A, sizeof(endpoint));
    before = endpoint;
    assert_int_equal(spipe_endpoint_parse(text, NULL, &endpoint, &message), expected);
    assert_non_null(message);
    assert_true(strlen(message) > 0);
    assert_memory_equal(&endpoint, &before, sizeof(endpoint));
    assert_int_equal(spipe_endpoint_parse(text, NULL, &endpoint, NULL), expected);
}

static void test_a_pipe_name_is_the_socket_of_dotnet(void **state)
{
    (void)state;
    assert_string_equal(parse("pipe:foo", "/run/me").path, "/run/me/CoreFxPipe_foo");
    assert_string_equal(parse("pipe:foo", "/run/me/").path, "/run/me/CoreFxPipe_foo");
    assert_string_equal(parse("pipe:foo", NULL).path, "/tmp/CoreFxPipe_foo");
    assert_string_equal(parse("pipe:foo", "").path, "/tmp/CoreFxPipe_foo");
    assert_int_equal(parse("pipe:foo", NULL).kind, SPIPE_ENDPOINT_SOCKET);
}

static void test_a_backslash_is_an_ordinary_character_of_a_name(void **state)
{
    (void)state;
    assert_string_equal(parse("pipe:a\\b c", NULL).path, "/tmp/CoreFxPipe_a\\b c");
}

static void test_a_socket_path_may_stand_alone(void **state)
{
    (void)state;
    assert_string_equal(parse("unix:/run/x.sock", "/t").path, "/run/x.sock");
    assert_string_equal(parse("/run/x.sock", "/t").path, "/run/x.sock");
    assert_int_equal(parse("/run/x.sock", NULL).kind, SPIPE_ENDPOINT_SOCKET);
}

static void test_sockets_have_no_handles(void **state)
{
    (void)state;
    assert_int_equal(parse("/run/x.sock", NULL).read_handle, -1);
    assert_int_equal(parse("/run/x.sock", NULL).write_handle, -1);
}

static void assert_descriptors(const char *text, int64_t read_handle, int64_t write_handle)
{
    struct spipe_endpoint endpoint = parse(text, NULL);
    assert_int_equal(endpoint.kind, SPIPE_ENDPOINT_DESCRIPTORS);
    assert_int_equal(endpoint.read_handle, read_handle);
    assert_int_equal(endpoint.write_handle, write_handle);
}

static void test_descriptors_are_one_or_two_or_one_direction(void **state)
{
    (void)state;
    assert_descriptors("fd:3,4", 3, 4);
    assert_descriptors("fd:7", 7, 7);
    assert_descriptors("fd:-,4", -1, 4);
    assert_descriptors("fd:3,-", 3, -1);
    assert_descriptors("fd:0,2147483647", 0, 2147483647);
}

static void test_texts_outside_the_grammar_are_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",        "foo",      "foo:bar",   "pipe:",     "pipe:a/b",     "pipe:anonymous", "pipe:AnonYmous", "PIPE:a",
        "unix:",   "unix:a",   "unix:@a",   "unix:/",    "/",            "/a/",            "./a",            "fd:",
        "fd:-",    "fd:-,-",   "fd:a",      "fd:1,",     "fd:,1",        "fd:1,2,3",       "fd:1 ,2",        "fd:+1",
        "fd:-1,2", "fd:1,-2",  "fd:0x3",    "fd: 3",     "fd:2147483648", "fd:99999999999999999999",         "handle:",
        "handle:-,-",          "\\\\.\\pipe\\",          "\\\\.\\pipe\\a\\b",              "\\\\host\\pipe\\a",
        "\\\\.\\Pipe",         "handle:9223372036854775808,1",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_refused(wrong[i], SPIPE_E_ARGUMENT);
    }
    assert_refused(NULL, SPIPE_E_ARGUMENT);
}

static void test_forms_of_the_other_system_are_told_apart_from_nonsense(void **state)
{
    (void)state;
    assert_refused("\\\\.\\pipe\\foo", SPIPE_E_UNSUPPORTED);
    assert_refused("handle:100,104", SPIPE_E_UNSUPPORTED);
    assert_refused("handle:9223372036854775807,1", SPIPE_E_UNSUPPORTED);
}

static void test_a_socket_path_may_have_107_bytes_and_no_more(void **state)
{
    (void)state;
    char text[SPIPE_SOCKET_PATH_MAX + 1];
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[SPIPE_SOCKET_PATH_MAX] = '\0';
    assert_refused(text, SPIPE_E_NAME_TOO_LONG);
    text[SPIPE_SOCKET_PATH_MAX - 1] = '\0';
    assert_string_equal(parse(text, NULL).path, text);
}

static void test_a_name_may_be_as_long_as_its_socket_path_allows(void **state)
{
    (void)state;
    char text[600];
    size_t longest = SPIPE_SOCKET_PATH_MAX - 1 - strlen("/tmp/CoreFxPipe_");
    memset(text, 'a', sizeof(text));
    memcpy(text, "pipe:", 5);
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, SPIPE_E_NAME_TOO_LONG);
    text[5 + longest + 1] = '\0';
    assert_refused(text, SPIPE_E_NAME_TOO_LONG);
    text[5 + longest] = '\0';
    assert_int_equal(strlen(parse(text, NULL).path), SPIPE_SOCKET_PATH_MAX - 1);
}

static void test_a_windows_path_may_have_256_bytes_and_no_more(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'a', sizeof(text));
    memcpy(text, "\\\\.\\pipe\\", 9);
    text[257] = '\0';
    assert_refused(text, SPIPE_E_NAME_TOO_LONG);
    text[256] = '\0';
    assert_refused(text, SPIPE_E_UNSUPPORTED);
}

static void test_a_temporary_folder_must_be_absolute(void **state)
{
    (void)state;
    struct spipe_endpoint endpoint;
    assert_int_equal(spipe_endpoint_parse("pipe:foo", "tmp", &endpoint, NULL), SPIPE_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pipe_name_is_the_socket_of_dotnet),
        cmocka_unit_test(test_a_backslash_is_an_ordinary_character_of_a_name),
        cmocka_unit_test(test_a_socket_path_may_stand_alone),
        cmocka_unit_test(test_sockets_have_no_handles),
        cmocka_unit_test(test_descriptors_are_one_or_two_or_one_direction),
        cmocka_unit_test(test_texts_outside_the_grammar_are_refused),
        cmocka_unit_test(test_forms_of_the_other_system_are_told_apart_from_nonsense),
        cmocka_unit_test(test_a_socket_path_may_have_107_bytes_and_no_more),
        cmocka_unit_test(test_a_name_may_be_as_long_as_its_socket_path_allows),
        cmocka_unit_test(test_a_windows_path_may_have_256_bytes_and_no_more),
        cmocka_unit_test(test_a_temporary_folder_must_be_absolute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
