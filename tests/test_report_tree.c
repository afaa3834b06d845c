/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/report_text.h"

#include <stdlib.h>
#include <string.h>

static const char *name_of(void *user, uint32_t function)
{
    (void)user;
    static const char *const names[] = {"main", "work", "rare", "leaf\033[2J"};
    return names[function];
}

static const struct spipe_naming naming = {.name = name_of};

static struct spipe_calltree_node make_node(uint32_t function, uint32_t parent, uint32_t first_child,
                                            uint32_t next_sibling, uint64_t self, uint64_t total)
{
    return (struct spipe_calltree_node){.function = function,
                                        .parent = parent,
                                        .first_child = first_child,
                                        .next_sibling = next_sibling,
                                        .self = self,
                                        .total = total};
}

static char *write_tree(struct spipe_calltree_node *nodes, uint32_t count)
{
    struct spipe_calltree tree = {.node = nodes, .node_count = count};
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    spipe_report_write_tree(&tree, "call tree", count > 0 ? nodes[0].total : 0, &naming, stream);
    fclose(stream);
    return text;
}

#define NONE SPIPE_STORE_NONE

static void test_callers_stand_above_what_they_call_and_small_parts_are_left_out(void **state)
{
    (void)state;
    struct spipe_calltree_node nodes[] = {
        make_node(NONE, NONE, 1, NONE, 0, 1000), make_node(0, 0, 2, 4, 100, 900),
        make_node(1, 1, NONE, 3, 796, 796),      make_node(2, 1, NONE, NONE, 4, 4),
        make_node(1, 0, NONE, NONE, 100, 100),
    };
    char *text = write_tree(nodes, 5);
    assert_string_equal(text, "\n   total     self  call tree\n"
                              " 90.00 %  10.00 %  main\n"
                              " 79.60 %  79.60 %   work\n"
                              " 10.00 %  10.00 %  work\n");
    free(text);
}

static void test_samples_without_a_stack_are_a_row_of_their_own(void **state)
{
    (void)state;
    struct spipe_calltree_node nodes[] = {
        make_node(NONE, NONE, 1, NONE, 0, 10),
        make_node(NONE, 0, NONE, NONE, 10, 10),
    };
    char *text = write_tree(nodes, 2);
    assert_non_null(strstr(text, "100.00 % 100.00 %  [no stack]\n"));
    free(text);
}

static void test_an_empty_tree_is_a_heading(void **state)
{
    (void)state;
    struct spipe_calltree_node root = make_node(NONE, NONE, NONE, NONE, 0, 0);
    char *text = write_tree(&root, 1);
    assert_string_equal(text, "\n   total     self  call tree\n");
    free(text);
}

static void test_deep_levels_are_numbered_instead_of_indented_for_ever(void **state)
{
    (void)state;
    enum { DEPTH = 200 };
    static struct spipe_calltree_node nodes[DEPTH + 1];
    for (uint32_t i = 0; i <= DEPTH; i++) {
        nodes[i] =
            make_node(i == 0 ? NONE : 3, i == 0 ? NONE : i - 1, i < DEPTH ? i + 1 : NONE, NONE, i == DEPTH ? 8 : 0, 8);
    }
    char *text = write_tree(nodes, DEPTH + 1);
    assert_non_null(strstr(text, "[199] leaf?[2J\n"));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") < 90);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers_stand_above_what_they_call_and_small_parts_are_left_out),
        cmocka_unit_test(test_samples_without_a_stack_are_a_row_of_their_own),
        cmocka_unit_test(test_an_empty_tree_is_a_heading),
        cmocka_unit_test(test_deep_levels_are_numbered_instead_of_indented_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
