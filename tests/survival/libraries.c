/* SPDX-License-Identifier: MIT */
/*
 * Code that comes and goes: libraries and bare mappings.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"
#include "library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 16

static void fail(const char *what)
{
    perror(what);
    exit(70);
}

/* A fresh file of that name, whatever was there before; who has the old one open or mapped keeps it. */
static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    char new_name[64];
    ssize_t len;
    snprintf(new_name, sizeof new_name, "%s.new", to);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (in < 0 || out < 0)
        fail(from);
    while ((len = read(in, bytes, sizeof bytes)) > 0) {
        if (write(out, bytes, (size_t)len) != len)
            fail(new_name);
    }
    close(in);
    close(out);
    if (rename(new_name, to) < 0)
        fail(to);
}

static void *find(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(71);
    }
    return found;
}

struct visit {
    uint32_t result;
    uint64_t offset;  /* of its work, in the file */
    unsigned strange; /* constructors and destructors on other threads than this one */
};

/* Loads a library, works in it and unloads it. */
static struct visit visit_library(const char *path, unsigned pieces)
{
    struct visit visit = {0, 0, 0};
    Dl_info info;
    int own_tid = (int)syscall(SYS_gettid);
    int destructor_tid = 0;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(71);
    }
    void *work = find(handle, "library_work");
    if (dladdr(work, &info) == 0)
        fail("dladdr");
    visit.offset = (uint64_t)((char *)work - (char *)info.dli_fbase);
    visit.strange += *(int *)find(handle, "library_constructor_tid") != own_tid;
    ((void (*)(int *))find(handle, "library_watch"))(&destructor_tid);
    visit.result = ((uint32_t(*)(unsigned))work)(pieces);
    if (dlclose(handle) != 0)
        fail("dlclose");
    visit.strange += destructor_tid != own_tid;
    return visit;
}

struct loader {
    pthread_t thread;
    char path[32];
    unsigned rounds;
    uint32_t result;
    unsigned strange;
};

static void *load_often(void *argument)
{
    struct loader *loader = argument;
    for (unsigned i = 0; i < loader->rounds; i++) {
        struct visit visit = visit_library(loader->path, 2);
        loader->result = loader->result * 31 + visit.result;
        loader->strange += visit.strange;
    }
    return NULL;
}

/* `argv[1]` threads, each of which loads and unloads a copy of the library `argv[0]` of its own, `argv[2]` times. */
static int run_loop(int argc, char **argv)
{
    static struct loader loaders[THREADS_MAX];
    int count = argc > 1 ? atoi(argv[1]) : 8;
    uint32_t result = 0;
    unsigned strange = 0;
    for (int i = 0; i < count && i < THREADS_MAX; i++) {
        snprintf(loaders[i].path, sizeof loaders[i].path, "./copy-%d.so", i);
        loaders[i].rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
        copy_file(argv[0], loaders[i].path);
        pthread_create(&loaders[i].thread, NULL, load_often, &loaders[i]);
    }
    for (int i = 0; i < count && i < THREADS_MAX; i++) {
        pthread_join(loaders[i].thread, NULL);
        unlink(loaders[i].path);
        result = result * 17 + loaders[i].result;
        strange += loaders[i].strange;
    }
    printf("result %u\nstrange %u\n", result, strange);
    return 0;
}

/* The libraries `argv[0]` and `argv[1]` in turn, `argv[2]` times each, under one name, as if built anew; the second one
 * comes where the first one was. */
static int run_replace(int argc, char **argv)
{
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
    uint32_t result = 0;
    unsigned strange = 0;
    struct visit visit[2];
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned version = 0; version < 2; version++) {
            copy_file(argv[version], "./replaced.so");
            visit[version] = visit_library("./replaced.so", 100);
            result = result * 31 + visit[version].result;
            strange += visit[version].strange;
        }
    }
    unlink("./replaced.so");
    printf("result %u\nstrange %u\nfirst %llu\nsecond %llu\n", result, strange, (unsigned long long)visit[0].offset,
           (unsigned long long)visit[1].offset);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- by hand */

/* mov %edi, %ecx; xor %eax, %eax; again: add $STEP, %eax; dec %ecx; jnz again; ret */
static const unsigned char count_up[] = {0x89, 0xf9, 0x31, 0xc0, 0x83, 0xc0, 0x03, 0xff, 0xc9, 0x75, 0xf9, 0xc3};
#define COUNT_STEP_AT 6
#define COUNT_TURNS   2000000u

static uint32_t run_mapping(unsigned char *page, unsigned char step)
{
    uint32_t result;
    unsigned char code[sizeof count_up];
    memcpy(code, count_up, sizeof code);
    code[COUNT_STEP_AT] = step;
    memcpy(page, code, sizeof code);
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0)
        fail("mprotect");
    result = ((uint32_t(*)(uint32_t))(void *)page)(COUNT_TURNS);
    munmap(page, 4096);
    return result;
}

/* Without a file, and of a file, at the same place in turn. */
static void *map_often(void *argument)
{
    uint32_t *result = argument;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *place = NULL;
    for (unsigned i = 0; i < 20; i++) {
        int flags = i % 2 == 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
        void *page = mmap(place, 4096, PROT_READ | PROT_WRITE, flags, i % 2 == 0 ? -1 : file, 0);
        if (page == MAP_FAILED)
            fail("mmap");
        place = page;
        *result = *result * 31 + run_mapping(page, (unsigned char)(i + 1));
    }
    close(file);
    return NULL;
}

static int run_mapped(int argc, char **argv)
{
    pthread_t thread[4];
    uint32_t result[4] = {0};
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, map_often, &result[i]);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    printf("result %u %u %u %u\n", result[0], result[1], result[2], result[3]);
    return 0;
}

static const struct verb verbs[] = {
    {"loop", run_loop},
    {"replace", run_replace},
    {"mapped", run_mapped},
};

VERBS_MAIN(verbs)
