/* SPDX-License-Identifier: MIT */
/* Code that comes and goes while it is sampled: each sample is in the code that it was taken in. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/library.h"
#include "survival/survival_kit.h"
#include "viewer-stub/host/capture.h"

#include <string.h>

static char library[2][512];

static void find_libraries(void)
{
    target_path("libsurvive-library-1.so", library[0], sizeof library[0]);
    target_path("libsurvive-library-2.so", library[1], sizeof library[1]);
}

static void survive_libraries_that_come_and_go_in_8_threads(void **state)
{
    (void)state;
    find_libraries();
    struct promise_pair pair = survival_check(
        (struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("libraries"), "loop", library[0], "8", "30")});
    assert_int_equal(pair.session_count, 1);
    assert_int_equal(target_number(&pair.profiled, "strange"), 0);
    promise_done(&pair);
}

/* How many samples are in an image of that name: in its work at that offset, and elsewhere. */
struct place {
    uint64_t inside;
    uint64_t outside;
};

static void count_frame(const struct spipe_store *store, uint32_t node, const uint64_t *offsets, struct place *places)
{
    struct spipe_store_image image;
    const struct spipe_store_frame *frame = spipe_store_get_frame(store, spipe_store_get_node(store, node)->frame);
    if (frame->image == SPIPE_STORE_NONE)
        return;
    spipe_store_get_image(store, frame->image, &image);
    if (strstr(image.path, "replaced.so") == NULL)
        return;
    /* The second version is larger by its filling. */
    struct place *place = &places[image.size > 0x8000];
    uint64_t offset = offsets[image.size > 0x8000];
    if (frame->offset >= offset && frame->offset < offset + LIBRARY_WORK_SIZE)
        place->inside++;
    else
        place->outside++;
}

static void count_places(const struct capture_session *session, const uint64_t *offsets, struct place *places)
{
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_capture_end end;
    struct spipe_store_span span;
    assert_int_equal(spipe_capture_load_memory(session->bytes, session->len, store, &end), 0);
    for (uint64_t at = 0; spipe_store_get_samples(store, at, &span) > 0; at += span.count) {
        for (size_t i = 0; i < span.count; i++) {
            if (span.node[i] != SPIPE_STORE_NO_STACK)
                count_frame(store, span.node[i], offsets, places);
        }
    }
    spipe_store_free(store);
}

static void survive_libraries_replaced_at_the_same_place(void **state)
{
    (void)state;
    struct place places[2] = {{0, 0}, {0, 0}};
    find_libraries();
    struct promise_pair pair = survival_check(
        (struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("libraries"), "replace", library[0], library[1], "12")});
    const uint64_t offsets[2] = {(uint64_t)target_number(&pair.profiled, "first"),
                                 (uint64_t)target_number(&pair.profiled, "second")};
    assert_true(offsets[1] > offsets[0] + LIBRARY_WORK_SIZE);
    count_places(pair.session, offsets, places);
    print_message("samples in the first %llu and %llu elsewhere, in the second %llu and %llu\n",
                  (unsigned long long)places[0].inside, (unsigned long long)places[0].outside,
                  (unsigned long long)places[1].inside, (unsigned long long)places[1].outside);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(places[i].inside > 0);
        /* Its constructor and its stubs; a sample taken for one of the other version's would be elsewhere, too. */
        assert_true(places[i].outside * 20 < places[i].inside);
    }
    assert_int_equal(target_number(&pair.profiled, "strange"), 0);
    promise_done(&pair);
}

static void survive_code_mapped_by_hand(void **state)
{
    (void)state;
    struct promise_pair pair =
        survival_check((struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("libraries"), "mapped")});
    assert_int_equal(pair.session_count, 1);
    promise_done(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_libraries_that_come_and_go_in_8_threads),
    cmocka_unit_test(survive_libraries_replaced_at_the_same_place),
    cmocka_unit_test(survive_code_mapped_by_hand),
};

SURVIVAL_MAIN(tests)
