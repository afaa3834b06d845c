/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/endpoint.h"
#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/private_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_the_folder_is_for_its_owner_only(void **state)
{
    mode_t before = umask(0777);
    struct spipe_private_folder folder;
    int status = spipe_private_folder_open_in(*state, &folder);
    umask(before);
    assert_int_equal(status, 0);
    struct stat file;
    assert_int_equal(stat(folder.path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0700);
    spipe_private_folder_close(&folder);
}

static void test_it_goes_away_with_what_is_in_it(void **state)
{
    struct spipe_private_folder folder;
    assert_int_equal(spipe_private_folder_open_in(*state, &folder), 0);
    char path[SPIPE_PRIVATE_FOLDER_MAX];
    snprintf(path, sizeof path, "%s", folder.path);
    char file[SPIPE_PRIVATE_FOLDER_MAX + 8];
    snprintf(file, sizeof file, "%s/log", path);
    tool_files_write(file, "x", 1, 0600);
    spipe_private_folder_close(&folder);
    assert_int_equal(access(path, F_OK), -1);
    assert_string_equal(folder.path, "");
    spipe_private_folder_close(&folder);
}

static void test_a_socket_fits_below_it_however_long_its_parent(void **state)
{
    char parent[200];
    snprintf(parent, sizeof parent, "%s/", (const char *)*state);
    struct spipe_private_folder folder;
    for (size_t len = strlen(parent); len < 100; len++) {
        int status = spipe_private_folder_open_in(parent, &folder);
        if (status == 0) {
            assert_true(strlen(folder.path) + 1 + SPIPE_SECRET_TEXT_LEN < SPIPE_SOCKET_PATH_MAX);
            spipe_private_folder_close(&folder);
        } else {
            assert_int_equal(status, SPIPE_E_NAME_TOO_LONG);
        }
        parent[len] = '/';
        parent[len + 1] = '\0';
    }
    assert_int_equal(spipe_private_folder_open_in(parent, &folder), SPIPE_E_NAME_TOO_LONG);
}

static void test_places_that_cannot_be_preloaded_from_are_passed_over(void **state)
{
    struct spipe_private_folder folder;
    assert_int_equal(spipe_private_folder_open_in("relative", &folder), SPIPE_E_ARGUMENT);
    assert_int_equal(spipe_private_folder_open_in(NULL, &folder), SPIPE_E_ARGUMENT);
    const char *spaced = tool_files_path(state, "a b");
    assert_int_equal(mkdir(spaced, 0700), 0);
    assert_int_equal(spipe_private_folder_open_in(spaced, &folder), SPIPE_E_ARGUMENT);
}

static void test_the_first_usable_place_is_taken(void **state)
{
    setenv("XDG_RUNTIME_DIR", "/no/such/folder", 1);
    setenv("TMPDIR", *state, 1);
    struct spipe_private_folder folder;
    assert_int_equal(spipe_private_folder_open(&folder), 0);
    assert_int_equal(strncmp(folder.path, *state, strlen(*state)), 0);
    spipe_private_folder_close(&folder);
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("TMPDIR");
}

static void test_secrets_differ_and_are_hexadecimal(void **state)
{
    (void)state;
    char a[SPIPE_SECRET_TEXT_MAX];
    char b[SPIPE_SECRET_TEXT_MAX];
    assert_int_equal(spipe_secret_make(a), 0);
    assert_int_equal(spipe_secret_make(b), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), SPIPE_SECRET_TEXT_LEN);
    assert_int_equal(strspn(a, "0123456789abcdef"), SPIPE_SECRET_TEXT_LEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_folder_is_for_its_owner_only),
        TEST(test_it_goes_away_with_what_is_in_it),
        TEST(test_a_socket_fits_below_it_however_long_its_parent),
        TEST(test_places_that_cannot_be_preloaded_from_are_passed_over),
        TEST(test_the_first_usable_place_is_taken),
        TEST(test_secrets_differ_and_are_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
