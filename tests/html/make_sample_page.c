/* SPDX-License-Identifier: MIT */
/* Writes a page of a made-up profile: make_sample_page FILE [NODES [wall]]. The same on every run. */
#include "profile_kit.h"
#include "viewer-stub/host/export_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS 40u
#define DEPTH_MAX 60u

struct sample_page {
    struct profile_kit kit;
    uint32_t seed;
    uint32_t function[FUNCTIONS];
    uint32_t node_count;
    uint32_t *depth; /* of each stack node */
};

static uint32_t next_random(struct sample_page *page)
{
    page->seed = page->seed * 1664525u + 1013904223u;
    return page->seed >> 8;
}

static void add_functions(struct sample_page *page)
{
    static const char *const known[] = {"main", "compute_everything", "read_input",
                                        "<img src=x onerror=document.body.dataset.broken=1>",
                                        "std::vector<int, std::allocator<int> >::push_back(int const&)"};
    struct spipe_bytes none = {NULL, 0};
    uint32_t image_id = profile_kit_image(&page->kit, "/opt/demo/libnameless.so", none, 0);

    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        char name[64];
        snprintf(name, sizeof name, "function_%u", (unsigned)i);
        if (i == FUNCTIONS - 1)
            page->function[i] = profile_kit_stand_in(&page->kit, SPIPE_STAND_IN_TOO_DEEP);
        else if (i % 8 == 7)
            page->function[i] = profile_kit_place(&page->kit, image_id, i * 64);
        else
            page->function[i] = profile_kit_function(&page->kit, i < 5 ? known[i] : name, "src/demo.c", i + 1);
    }
}

/* A tree: main, what it calls, and so on, each node below one of the latest ones. */
static void add_stacks(struct sample_page *page)
{
    profile_kit_stack(&page->kit, 0, page->function[0]);
    page->depth[1] = 1;
    for (uint32_t i = 2; i <= page->node_count; i++) {
        uint32_t back = 1 + next_random(page) % 4;
        uint32_t parent = next_random(page) % 3 == 0 || i <= back ? 1 : i - back;
        if (page->depth[parent] >= DEPTH_MAX)
            parent = 1;
        page->depth[i] = page->depth[parent] + 1;
        profile_kit_stack(&page->kit, parent, page->function[1 + next_random(page) % (FUNCTIONS - 1)]);
    }
}

static void add_samples(struct sample_page *page)
{
    for (uint32_t i = 0; i < page->node_count * 2; i++) {
        uint32_t stack_id = 1 + next_random(page) % page->node_count;
        profile_kit_sample(&page->kit, 1 + next_random(page) % 3, stack_id, 1 + next_random(page) % 5, i * 1000);
    }
}

/* The main thread works for 40 of 100 periods; the others wait at what they have called, and a little for a CPU. */
static void add_wall_samples(struct sample_page *page)
{
    profile_kit_begin_wall(&page->kit);
    for (uint32_t i = 0; i < 100; i++) {
        profile_kit_wall_sample(&page->kit, 1, 1 + i % 20, 1, i % 5 < 2 ? SPIPE_STATE_RUNNING : SPIPE_STATE_WAITING, i * 1000);
        profile_kit_wall_sample(&page->kit, 2, 30 + i % 3, 1, SPIPE_STATE_WAITING, i * 1000);
        profile_kit_wall_sample(&page->kit, 3, 50, 1, i % 10 == 0 ? SPIPE_STATE_RUNNABLE : SPIPE_STATE_WAITING, i * 1000);
    }
}

int main(int argc, char **argv)
{
    bool is_wall = argc > 3 && strcmp(argv[3], "wall") == 0;
    struct spipe_export_options options = {.kind = is_wall ? SPIPE_SOURCE_WALL : SPIPE_SOURCE_CPU};
    struct sample_page page = {.seed = 1, .node_count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2000};
    FILE *stream = argc > 1 ? fopen(argv[1], "w") : NULL;
    struct spipe_symbols *symbols = NULL;
    int status = 0;

    page.depth = calloc(page.node_count + 1, sizeof *page.depth);
    if (!stream || !page.depth) {
        fprintf(stderr, "usage: make_sample_page FILE [NODES [wall]]\n");
        return 2;
    }
    profile_kit_init(&page.kit);
    profile_kit_thread(&page.kit, 1001, "demo");
    profile_kit_thread(&page.kit, 1002, "worker");
    profile_kit_thread(&page.kit, 1003, "<b>writer</b>");
    add_functions(&page);
    add_stacks(&page);
    add_samples(&page);
    if (is_wall)
        add_wall_samples(&page);
    profile_kit_end(&page.kit, 12);
    symbols = spipe_symbols_new(page.kit.store);
    status = symbols ? spipe_export_html(page.kit.store, symbols, &options, NULL, stream) : -1;
    spipe_symbols_free(symbols);
    profile_kit_done(&page.kit);
    free(page.depth);
    return fclose(stream) == 0 && status == 0 ? 0 : 1;
}
