/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "protocol/status.h"
#include "viewer-stub/host/calltree.h"
#include "viewer-stub/host/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS RECORDS_PERIOD_NS

struct fixture {
    struct records records;
    struct spipe_store *store;
    struct spipe_calltree tree;
    struct spipe_fold fold;
};

/* Frame 1 is main, 2 f, 3 g. Stacks: 1 main, 2 main f, 3 main f g, 4 main f g f. */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    records_init(&fixture->records);
    fixture->store = spipe_store_new(NULL);
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_stack(&fixture->records, 4, 3, 2);
    records_thread(&fixture->records, 2, 101, "other");
    *state = fixture;
    return fixture->store == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spipe_calltree_done(&fixture->tree);
    spipe_fold_done(&fixture->fold);
    spipe_store_free(fixture->store);
    records_done(&fixture->records);
    free(fixture);
    return 0;
}

static void sample(struct fixture *fixture, uint32_t thread_id, uint32_t stack_id, uint64_t time_ms, int count)
{
    for (int i = 0; i < count; i++) {
        records_sample(&fixture->records, thread_id, stack_id, time_ms * 1000);
    }
}

static void load(struct fixture *fixture)
{
    struct spipe_capture_end end;
    spipe_capture_load_memory(fixture->records.data, fixture->records.len, fixture->store, &end);
    assert_int_equal(end.reason, SPIPE_CAPTURE_CUT);
}

static void build(struct fixture *fixture, const struct spipe_calltree_filter *filter,
                  const struct spipe_naming *naming, enum spipe_calltree_direction direction)
{
    load(fixture);
    assert_int_equal(spipe_calltree_init(fixture->store, filter, naming, direction, &fixture->tree), SPIPE_OK);
}

/* The node reached from the root over these functions; fails the test when it is not there. */
static const struct spipe_calltree_node *follow(const struct spipe_calltree *tree, size_t count,
                                                const uint32_t *function)
{
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        at = tree->node[at].first_child;
        while (at != SPIPE_STORE_NONE && tree->node[at].function != function[i]) {
            at = tree->node[at].next_sibling;
        }
        assert_true(at != SPIPE_STORE_NONE);
    }
    return &tree->node[at];
}

#define FOLLOW(fixture, ...)                                                                                           \
    follow(&(fixture)->tree, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (uint32_t[]){__VA_ARGS__})

static const struct spipe_calltree_function *find_function(const struct fixture *fixture, uint32_t function)
{
    for (uint32_t i = 0; i < fixture->tree.function_count; i++) {
        if (fixture->tree.function[i].function == function) {
            return &fixture->tree.function[i];
        }
    }
    fail();
    return NULL;
}

static void test_self_and_total_add_up_from_the_leaves(void **state)
{
    struct fixture *fixture = *state;
    sample(fixture, 1, 1, 0, 1);
    sample(fixture, 1, 2, 1, 2);
    sample(fixture, 1, 3, 2, 4);
    build(fixture, NULL, NULL, SPIPE_CALLTREE_TOP_DOWN);
    assert_int_equal(fixture->tree.node[0].total, 7 * MS);
    assert_int_equal(fixture->tree.node[0].self, 0);
    assert_int_equal(FOLLOW(fixture, 0)->self, 1 * MS);
    assert_int_equal(FOLLOW(fixture, 0)->total, 7 * MS);
    assert_int_equal(FOLLOW(fixture, 0, 1)->self, 2 * MS);
    assert_int_equal(FOLLOW(fixture, 0, 1)->total, 6 * MS);
    assert_int_equal(FOLLOW(fixture, 0, 1, 2)->total_samples, 4);
    assert_int_equal(fixture->tree.node_count, 4);
}

static void test_recursion_counts_once_in_a_function_s_total(void **state)
{
    struct fixture *fixture = *state;
    sample(fixture, 1, 4, 0, 3);
    sample(fixture, 1, 2, 0, 1);
    build(fixture, NULL, NULL, SPIPE_CALLTREE_TOP_DOWN);
    assert_int_equal(find_function(fixture, 1)->total, 4 * MS);
    assert_int_equal(find_function(fixture, 1)->self, 4 * MS);
    assert_int_equal(find_function(fixture, 1)->total_samples, 4);
    assert_int_equal(find_function(fixture, 2)->total, 3 * MS);
    assert_int_equal(find_function(fixture, 2)->self, 0);
    assert_int_equal(find_function(fixture, 0)->total, 4 * MS);
}

static void test_bottom_up_begins_with_the_innermost_function(void **state)
{
    struct fixture *fixture = *state;
    sample(fixture, 1, 4, 0, 3);
    sample(fixture, 1, 2, 0, 1);
    sample(fixture, 1, 3, 0, 5);
    build(fixture, NULL, NULL, SPIPE_CALLTREE_BOTTOM_UP);
    assert_int_equal(fixture->tree.node[0].total, 9 * MS);
    assert_int_equal(FOLLOW(fixture, 1)->total, 4 * MS);
    assert_int_equal(FOLLOW(fixture, 1)->self, 4 * MS);
    assert_int_equal(FOLLOW(fixture, 1, 0)->total, 1 * MS);
    assert_int_equal(FOLLOW(fixture, 1, 2)->total, 3 * MS);
    assert_int_equal(FOLLOW(fixture, 1, 2, 1, 0)->total, 3 * MS);
    assert_int_equal(FOLLOW(fixture, 1, 2, 1, 0)->self, 0);
    assert_int_equal(FOLLOW(fixture, 2, 1, 0)->total, 5 * MS);
}

static void test_children_and_functions_are_sorted_by_weight(void **state)
{
    struct fixture *fixture = *state;
    records_stack(&fixture->records, 5, 1, 3);
    records_stack(&fixture->records, 6, 1, 1);
    sample(fixture, 1, 2, 0, 1);
    sample(fixture, 1, 5, 0, 5);
    sample(fixture, 1, 6, 0, 3);
    build(fixture, NULL, NULL, SPIPE_CALLTREE_TOP_DOWN);
    const struct spipe_calltree_node *node = fixture->tree.node;
    uint32_t child = node[FOLLOW(fixture, 0) - node].first_child;
    assert_int_equal(node[child].total, 5 * MS);
    child = node[child].next_sibling;
    assert_int_equal(node[child].total, 3 * MS);
    child = node[child].next_sibling;
    assert_int_equal(node[child].total, 1 * MS);
    assert_true(node[child].next_sibling == SPIPE_STORE_NONE);
    assert_int_equal(fixture->tree.function[0].self, 5 * MS);
    assert_int_equal(fixture->tree.function[1].self, 3 * MS);
    assert_int_equal(fixture->tree.function[2].self, 1 * MS);
}

/* Frame 1 (f) is functions 10 and 11, the second put into the first by the compiler; frames 0 and 2 are both
 * function 12. */
static size_t inlined(void *user, uint32_t frame, const uint32_t **ret_functions)
{
    static const uint32_t two[] = {10, 11}, one[] = {12};
    (void)user;
    *ret_functions = frame == 1 ? two : one;
    return frame == 1 ? 2 : 1;
}

static void test_inlined_functions_have_places_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_naming naming = {NULL, inlined, NULL, NULL};
    sample(fixture, 1, 2, 0, 2);
    sample(fixture, 1, 3, 0, 1);
    build(fixture, NULL, &naming, SPIPE_CALLTREE_TOP_DOWN);
    assert_int_equal(FOLLOW(fixture, 12, 10)->self, 0);
    assert_int_equal(FOLLOW(fixture, 12, 10)->total, 3 * MS);
    assert_int_equal(FOLLOW(fixture, 12, 10, 11)->self, 2 * MS);
    assert_int_equal(FOLLOW(fixture, 12, 10, 11, 12)->self, 1 * MS);
    assert_int_equal(find_function(fixture, 12)->total, 3 * MS);
    assert_int_equal(find_function(fixture, 10)->self, 0);
    assert_int_equal(fixture->tree.function_count, 3);
}

static void test_samples_without_a_stack_stand_beside_the_others(void **state)
{
    struct fixture *fixture = *state;
    sample(fixture, 1, 0, 0, 2);
    sample(fixture, 1, 1, 0, 1);
    build(fixture, NULL, NULL, SPIPE_CALLTREE_TOP_DOWN);
    assert_int_equal(fixture->tree.node[0].total, 3 * MS);
    assert_int_equal(FOLLOW(fixture, SPIPE_STORE_NONE)->total, 2 * MS);
    assert_int_equal(fixture->tree.function_count, 1);
}

static void test_time_and_threads_select_samples(void **state)
{
    struct fixture *fixture = *state;
    uint32_t second = 1;
    struct spipe_calltree_filter filter = SPIPE_CALLTREE_ALL;
    sample(fixture, 1, 1, 1, 1);
    sample(fixture, 1, 1, 2, 2);
    sample(fixture, 2, 1, 2, 4);
    sample(fixture, 2, 1, 3, 8);
    filter.from_ns = 2 * MS;
    filter.to_ns = 3 * MS;
    build(fixture, &filter, NULL, SPIPE_CALLTREE_TOP_DOWN);
    assert_int_equal(fixture->tree.node[0].total_samples, 6);
    spipe_calltree_done(&fixture->tree);
    filter.thread = &second;
    filter.thread_count = 1;
    filter.to_ns = 0;
    spipe_calltree_init(fixture->store, &filter, NULL, SPIPE_CALLTREE_TOP_DOWN, &fixture->tree);
    assert_int_equal(fixture->tree.node[0].total_samples, 12);
}

static void test_a_session_selects_its_samples(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_calltree_filter filter = SPIPE_CALLTREE_ALL;
    sample(fixture, 1, 1, 1, 1);
    records_begin(&fixture->records, 2);
    records_define(&fixture->records);
    sample(fixture, 1, 1, 1, 5);
    filter.session = 1;
    build(fixture, &filter, NULL, SPIPE_CALLTREE_TOP_DOWN);
    assert_int_equal(fixture->tree.node[0].total_samples, 5);
}

static void test_folding_by_thread_keeps_threads_apart(void **state)
{
    struct fixture *fixture = *state;
    sample(fixture, 2, 2, 1, 3);
    sample(fixture, 1, 2, 1, 1);
    sample(fixture, 1, 1, 1, 2);
    load(fixture);
    assert_int_equal(spipe_fold_init(fixture->store, NULL, true, &fixture->fold), SPIPE_OK);
    assert_int_equal(fixture->fold.count, 3);
    assert_int_equal(fixture->fold.samples, 6);
    assert_int_equal(fixture->fold.weight, 6 * MS);
    assert_int_equal(fixture->fold.entry[0].thread, 0);
    assert_int_equal(fixture->fold.entry[0].node, 1);
    assert_int_equal(fixture->fold.entry[0].samples, 2);
    assert_int_equal(fixture->fold.entry[2].thread, 1);
    assert_int_equal(fixture->fold.entry[2].weight, 3 * MS);
}

/* Many pairs: more than the first table holds. */
static void test_folding_by_thread_agrees_with_counting(void **state)
{
    struct fixture *fixture = *state;
    static uint64_t expected[50][2001];
    uint32_t random = 1;
    for (uint32_t i = 3; i <= 50; i++) {
        records_thread(&fixture->records, i, 100 + i, "worker");
    }
    records_frame(&fixture->records, 4, 1, 4);
    for (uint32_t i = 5; i <= 2000; i++) {
        records_frame(&fixture->records, i, 1, 0x1000 + i);
        records_stack(&fixture->records, i, 0, i);
    }
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t thread = (random >> 8) % 50;
        uint32_t stack_id = 5 + (random >> 14) % 1996;
        expected[thread][stack_id]++;
        sample(fixture, thread + 1, stack_id, 0, 1);
    }
    load(fixture);
    assert_int_equal(spipe_fold_init(fixture->store, NULL, true, &fixture->fold), SPIPE_OK);
    for (size_t i = 0; i < fixture->fold.count; i++) {
        const struct spipe_fold_entry *entry = &fixture->fold.entry[i];
        assert_int_equal(entry->samples, expected[entry->thread][entry->node]);
    }
    assert_int_equal(fixture->fold.samples, 20000);
}

static void test_an_empty_store_gives_an_empty_tree(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(spipe_calltree_init(fixture->store, NULL, NULL, SPIPE_CALLTREE_BOTTOM_UP, &fixture->tree),
                     SPIPE_OK);
    assert_int_equal(fixture->tree.node_count, 1);
    assert_int_equal(fixture->tree.function_count, 0);
    assert_int_equal(fixture->tree.node[0].total, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_self_and_total_add_up_from_the_leaves),
        TEST(test_recursion_counts_once_in_a_function_s_total),
        TEST(test_bottom_up_begins_with_the_innermost_function),
        TEST(test_children_and_functions_are_sorted_by_weight),
        TEST(test_inlined_functions_have_places_of_their_own),
        TEST(test_samples_without_a_stack_stand_beside_the_others),
        TEST(test_time_and_threads_select_samples),
        TEST(test_a_session_selects_its_samples),
        TEST(test_folding_by_thread_keeps_threads_apart),
        TEST(test_folding_by_thread_agrees_with_counting),
        TEST(test_an_empty_store_gives_an_empty_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
