/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/pipe.h"
#include "tool_files.h"
#include "tools/stackpipe/socket_list.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void test_a_listening_stream_socket_with_a_path_is_taken(void **state)
{
    (void)state;
    struct spipe_socket socket;
    assert_true(spipe_socket_list_parse_line(
        "0000000000000000: 00000002 00000000 00010000 0001 01 23456 /run/some place/s\n", &socket));
    assert_string_equal(socket.path, "/run/some place/s");
    assert_int_equal(socket.inode, 23456);
}

static void test_other_sockets_are_left_out(void **state)
{
    (void)state;
    struct spipe_socket socket;
    const char *others[] = {
        "Num       RefCount Protocol Flags    Type St Inode Path\n",
        "0000000000000000: 00000002 00000000 00000000 0001 03 23456 /run/connected\n",
        "0000000000000000: 00000002 00000000 00010000 0005 01 23456 /run/seqpacket\n",
        "0000000000000000: 00000002 00000000 00010000 0001 01 23456 @abstract\n",
        "0000000000000000: 00000002 00000000 00010000 0001 01 23456\n",
        "0000000000000000: 00000002 00000000 00010000 0001 01 23456 relative\n",
        "nonsense",
        "",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(spipe_socket_list_parse_line(others[i], &socket));
    }
}

static void test_a_path_longer_than_any_socket_is_left_out(void **state)
{
    (void)state;
    char line[400];
    int len = snprintf(line, sizeof line, "0: 00000002 00000000 00010000 0001 01 1 /");
    memset(line + len, 'x', 200);
    line[len + 200] = '\0';
    struct spipe_socket socket;
    assert_false(spipe_socket_list_parse_line(line, &socket));
}

static void test_sockets_of_named_pipes_are_known_by_folder_and_prefix(void **state)
{
    (void)state;
    assert_string_equal(spipe_socket_pipe_name("/tmp/CoreFxPipe_demo", "/tmp"), "demo");
    assert_string_equal(spipe_socket_pipe_name("/tmp/CoreFxPipe_demo", "/tmp/"), "demo");
    assert_null(spipe_socket_pipe_name("/var/CoreFxPipe_demo", "/tmp"));
    assert_null(spipe_socket_pipe_name("/tmp/x/CoreFxPipe_demo", "/tmp"));
    assert_null(spipe_socket_pipe_name("/tmp/CoreFxPipe_", "/tmp"));
    assert_null(spipe_socket_pipe_name("/tmp/other", "/tmp"));
}

static void test_our_own_socket_is_found_with_our_process(void **state)
{
    struct spipe_endpoint endpoint = {.kind = SPIPE_ENDPOINT_SOCKET};
    snprintf(endpoint.path, sizeof endpoint.path, "%s", tool_files_path(state, "socket"));
    struct spipe_listener listener;
    assert_int_equal(spipe_listener_open(&endpoint, &listener), 0);
    struct spipe_socket_list list;
    assert_int_equal(spipe_socket_list_init(&list), 0);
    const struct spipe_socket *found = NULL;
    for (size_t i = 0; i < list.count; i++) {
        found = strcmp(list.socket[i].path, endpoint.path) == 0 ? &list.socket[i] : found;
        assert_true(i == 0 || strcmp(list.socket[i - 1].path, list.socket[i].path) <= 0);
    }
    spipe_listener_close(&listener);
    assert_non_null(found);
    assert_int_equal(found->pid, getpid());
    assert_int_equal(found->user_id, getuid());
    assert_true(found->can_connect);
    assert_non_null(strstr(found->command, "test_socket_list"));
    spipe_socket_list_done(&list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_listening_stream_socket_with_a_path_is_taken),
        TEST(test_other_sockets_are_left_out),
        TEST(test_a_path_longer_than_any_socket_is_left_out),
        TEST(test_sockets_of_named_pipes_are_known_by_folder_and_prefix),
        TEST(test_our_own_socket_is_found_with_our_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
