/* SPDX-License-Identifier: MIT */
/*
 * The smallest program that uses the installed host library: opens a capture and says how many samples it holds.
 */
#include <stackpipe/capture.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_capture_end end;

    if (argc != 2 || store == NULL || spipe_capture_load_file(argv[1], store, &end) != 0) {
        return 1;
    }
    printf("%llu samples, %s\n", (unsigned long long)spipe_store_sample_count(store),
           spipe_capture_reason_name(end.reason));
    spipe_store_free(store);
    return 0;
}
