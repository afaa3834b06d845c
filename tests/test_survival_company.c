/* SPDX-License-Identifier: MIT */
/* Other allocators and other profilers in the process do their work, and so do we. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROFILE_WORDS 8192u

/* Where distributions put libraries. */
static const char *const folder[] = {"/usr/lib/x86_64-linux-gnu/", "/usr/lib64/", "/usr/lib/", NULL};

static void find_library(const char *name, char *path, size_t size)
{
    for (const char *const *at = folder; *at != NULL; at++) {
        snprintf(path, size, "%s%s", *at, name);
        if (access(path, R_OK) == 0)
            return;
    }
    survival_skip(name);
}

static void check_allocator(void **state, const char *name)
{
    char library[256];
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("company"), "allocate"), .other_preload = library};
    (void)state;
    find_library(name, library, sizeof library);
    for (unsigned order = 0; order < 2; order++) {
        target.is_agent_first = order == 1;
        survival_check_by_each_mechanism(target);
    }
}

static void survive_jemalloc(void **state)
{
    check_allocator(state, "libjemalloc.so.2");
}

static void survive_tcmalloc(void **state)
{
    check_allocator(state, "libtcmalloc.so.4");
}

static void survive_tcmalloc_minimal(void **state)
{
    check_allocator(state, "libtcmalloc_minimal.so.4");
}

/* A profile of gperftools: words, of which the first five are its header, then counts with their stacks, and as the
 * last of them a count of 0 with one address of 0; the mappings follow as text. Returns how many samples it holds. */
static uint64_t check_other_profile(const char *path)
{
    static uint64_t word[PROFILE_WORDS];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(word, sizeof word[0], PROFILE_WORDS, file);
    fclose(file);
    assert_true(count > 8);
    assert_int_equal(word[0], 0);
    assert_int_equal(word[1], 3);
    assert_int_equal(word[2], 0);
    uint64_t samples = 0;
    size_t at = 5;
    for (; at + 2 < count && word[at] != 0; at += 2 + word[at + 1])
        samples += word[at];
    assert_true(at + 2 < count);
    assert_int_equal(word[at + 1], 1);
    assert_int_equal(word[at + 2], 0);
    return samples;
}

/* gperftools says on stderr how many samples it has; all else is as without us. */
static void check_other_profiler(struct target target, const char *profile)
{
    struct target_outcome plain = target_run(&target);
    uint64_t plain_samples = check_other_profile(profile);
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        (void)unlink(profile);
        target.mechanism = *mechanism;
        struct promise_pair pair = survival_check_profiled(target);
        assert_int_equal(pair.profiled.status, plain.status);
        assert_string_equal(pair.profiled.output, plain.output);
        assert_true(pair.session->sample_count > 0);
        assert_true((check_other_profile(profile) > 0) == (plain_samples > 0));
        promise_done(&pair);
    }
    target_outcome_done(&plain);
}

static void survive_gperftools(void **state)
{
    char library[256];
    char profile[256];
    char variable[300];
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("company"), "work"),
                            .other_preload = library,
                            .variable = (const char *const[]){variable, NULL}};
    (void)state;
    find_library("libprofiler.so.0", library, sizeof library);
    snprintf(profile, sizeof profile, "%s/other.prof", target_folder());
    snprintf(variable, sizeof variable, "CPUPROFILE=%s", profile);
    for (unsigned order = 0; order < 2; order++) {
        target.is_agent_first = order == 1;
        check_other_profiler(target, profile);
    }
}

static void survive_another_profiler_that_comes_and_goes(void **state)
{
    char library[512];
    (void)state;
    target_path("libsurvive-taker.so", library, sizeof library);
    survival_check_by_each_mechanism(
        (struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("company"), "other", library)});
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_jemalloc),
    cmocka_unit_test(survive_tcmalloc),
    cmocka_unit_test(survive_tcmalloc_minimal),
    cmocka_unit_test(survive_gperftools),
    cmocka_unit_test(survive_another_profiler_that_comes_and_goes),
};

SURVIVAL_MAIN(tests)
