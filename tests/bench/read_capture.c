/* SPDX-License-Identifier: MIT */
/*
 * How fast a capture is read:  read_capture FILE
 *
 * Decodes it, then loads it into a store, then folds all its samples by stack, as views do. Prints the times as a JSON
 * object.
 */
#include "clock.h"

#include "viewer-stub/host/calltree.h"
#include "viewer-stub/host/capture.h"

#include <stdio.h>

static uint64_t decoded;

static int count_samples(void *user, const struct spipe_capture_item *item)
{
    (void)user;
    if (item->record != NULL && item->record->kind == SPIPE_RECORD_SAMPLES)
        decoded += item->record->samples.sample_count;
    return 0;
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(clock_now_ns() - start_ns) / 1e9;
}

int main(int argc, char **argv)
{
    struct spipe_capture_end end;
    struct spipe_calltree_filter filter = SPIPE_CALLTREE_ALL;
    struct spipe_fold fold;
    struct spipe_store *store = spipe_store_new(NULL);
    if (argc != 2 || store == NULL) {
        fprintf(stderr, "usage: read_capture FILE\n");
        return 2;
    }
    uint64_t start_ns = clock_now_ns();
    if (spipe_capture_read_file(argv[1], count_samples, NULL, &end) != 0)
        return 1;
    double decode_s = seconds_since(start_ns);
    start_ns = clock_now_ns();
    if (spipe_capture_load_file(argv[1], store, &end) != 0)
        return 1;
    double load_s = seconds_since(start_ns);
    start_ns = clock_now_ns();
    if (spipe_fold_init(store, &filter, false, &fold) != 0)
        return 1;
    double fold_s = seconds_since(start_ns);
    printf("{\"samples\": %llu, \"decoded\": %llu, \"stacks\": %zu, \"bytes\": %llu, \"decode_s\": %.6f, \"load_s\": %.6f, "
           "\"fold_s\": %.6f}\n",
           (unsigned long long)spipe_store_sample_count(store), (unsigned long long)decoded, fold.count,
           (unsigned long long)end.length, decode_s, load_s, fold_s);
    spipe_fold_done(&fold);
    spipe_store_free(store);
    return 0;
}
