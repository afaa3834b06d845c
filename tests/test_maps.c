/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/maps.h"

static char line[512];

static bool parse(const char *text, struct spipe_mapping *ret_mapping)
{
    strcpy(line, text);
    return spipe_maps_parse(line, strlen(text), ret_mapping);
}

static void test_a_line_of_a_file_is_taken_apart(void **state)
{
    (void)state;
    struct spipe_mapping mapping;
    assert_true(parse("7f3a4c000000-7f3a4c021000 r-xp 00001000 fd:02 1835 /usr/lib/libm.so.6", &mapping));
    assert_int_equal(mapping.start, UINT64_C(0x7f3a4c000000));
    assert_int_equal(mapping.end, UINT64_C(0x7f3a4c021000));
    assert_int_equal(mapping.offset, 0x1000);
    assert_int_equal(mapping.device, UINT64_C(0xfd) << 32 | 2);
    assert_int_equal(mapping.inode, 1835);
    assert_true(mapping.is_readable);
    assert_true(mapping.is_executable);
    assert_string_equal(mapping.path, "/usr/lib/libm.so.6");
}

static void test_a_mapping_without_a_file_has_an_empty_path(void **state)
{
    (void)state;
    struct spipe_mapping mapping;
    assert_true(parse("1000-2000 ---p 00000000 00:00 0", &mapping));
    assert_string_equal(mapping.path, "");
    assert_int_equal(mapping.inode, 0);
    assert_false(mapping.is_readable);
    assert_false(mapping.is_executable);
    assert_true(parse("1000-2000 rw-p 00000000 00:00 0 ", &mapping));
    assert_string_equal(mapping.path, "");
}

static void test_a_path_may_hold_blanks_and_loses_the_mark_of_deletion_once(void **state)
{
    (void)state;
    struct spipe_mapping mapping;
    assert_true(parse("1000-2000 r--p 0 08:01 7    /tmp/my file (deleted)", &mapping));
    assert_string_equal(mapping.path, "/tmp/my file");
    assert_true(parse("1000-2000 r--p 0 08:01 7 /tmp/x (deleted) (deleted)", &mapping));
    assert_string_equal(mapping.path, "/tmp/x (deleted)");
    assert_true(parse("1000-2000 r--p 0 08:01 7 [vdso]", &mapping));
    assert_string_equal(mapping.path, "[vdso]");
    assert_true(parse("1000-2000 r--p 0 08:01 7 (deleted)", &mapping));
}

static void test_malformed_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "", "x", "1000", "1000-", "1000-2000", "1000-2000 ", "1000-2000 r-xp", "1000-2000 r-xp ",
        "1000-2000 r-xp 0", "1000-2000 r-xp 0 08:01", "1000-2000 r-xp 0 0801 7", "1000 2000 r-xp 0 08:01 7",
        "2000-1000 r-xp 0 08:01 7", "1000-1000 r-xp 0 08:01 7", "1000-2000 r-xp 0 08:01 x",
        "11111111111111111-22222222222222222 r-xp 0 08:01 7", "-1000 r-xp 0 08:01 7", "G000-H000 r-xp 0 08:01 7",
    };
    struct spipe_mapping mapping;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_false(parse(lines[i], &mapping));
}

static void test_a_line_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const char whole[] = "7f3a4c000000-7f3a4c021000 r-xp 00001000 fd:02 1835 /usr/lib/libm.so.6";
    struct spipe_mapping mapping;
    for (size_t len = 0; len < sizeof whole; len++) {
        memcpy(line, whole, len);
        line[len] = '\0';
        if (spipe_maps_parse(line, len, &mapping))
            assert_true(mapping.start < mapping.end);
    }
}

/* ----------------------------------------------------------------------------------------------------- this process */

struct search {
    uint64_t code;
    uint64_t stack;
    uint64_t last_end;
    unsigned visited;
    unsigned most;
    bool found_code;
    bool found_stack;
    bool in_order;
};

static bool visit(void *user, const struct spipe_mapping *mapping)
{
    struct search *search = user;
    search->in_order = search->in_order && mapping->start >= search->last_end;
    search->last_end = mapping->end;
    if (search->code >= mapping->start && search->code < mapping->end)
        search->found_code = mapping->is_executable && strstr(mapping->path, "test_maps") != NULL;
    if (search->stack >= mapping->start && search->stack < mapping->end)
        search->found_stack = mapping->is_readable && !mapping->is_executable;
    return ++search->visited != search->most;
}

static void test_the_mappings_of_this_process_are_visited_in_order(void **state)
{
    (void)state;
    struct search search = {.code = (uint64_t)(uintptr_t)visit, .in_order = true};
    search.stack = (uint64_t)(uintptr_t)&search;
    assert_true(spipe_maps_read(visit, &search));
    assert_true(search.found_code);
    assert_true(search.found_stack);
    assert_true(search.in_order);
}

/* A file below folders with names of newlines: its line is longer than any buffer. Returns its mapping. */
static void *map_file_of_newlines(unsigned levels)
{
    char name[241];
    char root[] = "/tmp/spipe-test-maps-XXXXXX";
    memset(name, '\n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    for (unsigned i = 0; i < levels; i++) {
        assert_int_equal(mkdir(name, 0700), 0);
        assert_int_equal(chdir(name), 0);
    }
    int file = open(name, O_CREAT | O_RDWR, 0600);
    assert_int_equal(ftruncate(file, 4096), 0);
    void *mapping = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    unlink(name);
    for (unsigned i = 0; i < levels; i++) {
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir(name), 0);
    }
    assert_int_equal(rmdir(root), 0);
    return mapping;
}

static void test_a_line_that_is_too_long_hides_no_other(void **state)
{
    (void)state;
    void *mapping = map_file_of_newlines(14);
    assert_true(mapping != MAP_FAILED);
    struct search search = {.code = (uint64_t)(uintptr_t)visit, .in_order = true};
    search.stack = (uint64_t)(uintptr_t)&search;
    assert_true(spipe_maps_read(visit, &search));
    assert_true(search.found_stack);
    munmap(mapping, 4096);
}

static void test_a_visitor_ends_the_visit(void **state)
{
    (void)state;
    struct search search = {.most = 3};
    assert_true(spipe_maps_read(visit, &search));
    assert_int_equal(search.visited, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_of_a_file_is_taken_apart),
        cmocka_unit_test(test_a_mapping_without_a_file_has_an_empty_path),
        cmocka_unit_test(test_a_path_may_hold_blanks_and_loses_the_mark_of_deletion_once),
        cmocka_unit_test(test_malformed_lines_are_refused),
        cmocka_unit_test(test_a_line_may_be_cut_anywhere),
        cmocka_unit_test(test_the_mappings_of_this_process_are_visited_in_order),
        cmocka_unit_test(test_a_line_that_is_too_long_hides_no_other),
        cmocka_unit_test(test_a_visitor_ends_the_visit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
