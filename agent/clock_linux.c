/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include "files.h"
#include "protocol/system_linux.h"

#include <elf.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

typedef int vdso_clock(clockid_t clock, struct timespec *ret_time);

static vdso_clock *vdso_gettime;
static _Atomic clockid_t handler_clock = CLOCK_MONOTONIC_COARSE;

static uint64_t ns_of(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
}

/* The vDSO is a small ELF image that the kernel maps; its symbols are few, so a linear search will do. */
static void *find_vdso_symbol(const Elf64_Ehdr *header, const char *name)
{
    const unsigned char *image = (const unsigned char *)header;
    const Elf64_Phdr *segment = (const Elf64_Phdr *)(const void *)(image + header->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    uint64_t bias = 0;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && segment[i].p_offset == 0)
            bias = (uint64_t)(uintptr_t)image - segment[i].p_vaddr;
        if (segment[i].p_type == PT_DYNAMIC)
            dynamic = (const Elf64_Dyn *)(const void *)(image + segment[i].p_offset);
    }
    if (dynamic == NULL)
        return NULL;

    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *hash = NULL;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        void *address = (void *)(uintptr_t)(bias + dynamic->d_un.d_ptr);
        if (dynamic->d_tag == DT_SYMTAB)
            symbols = address;
        else if (dynamic->d_tag == DT_STRTAB)
            strings = address;
        else if (dynamic->d_tag == DT_HASH)
            hash = address;
    }
    if (symbols == NULL || strings == NULL || hash == NULL)
        return NULL;
    for (uint32_t i = 0; i < hash[1]; i++) {
        if (symbols[i].st_shndx != SHN_UNDEF && strcmp(strings + symbols[i].st_name, name) == 0)
            return (void *)(uintptr_t)(bias + symbols[i].st_value);
    }
    return NULL;
}

/* Clock sources that the vDSO reads in user space; with others it would make the system call that a handler must not
 * make. */
static bool is_vdso_clock_source(void)
{
    static const char *const sources[] = {"tsc\n", "kvm-clock\n", "hyperv_clocksource_tsc_page\n",
                                          "arch_sys_counter\n"};
    char text[64];
    if (spipe_files_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", text, sizeof text) <= 0)
        return false;
    for (unsigned i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (strcmp(text, sources[i]) == 0)
            return true;
    }
    return false;
}

void spipe_clock_init(void)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
    if (header == NULL)
        return;
    void *symbol = find_vdso_symbol(header, "__vdso_clock_gettime");
    memcpy(&vdso_gettime, &symbol, sizeof vdso_gettime);
    if (is_vdso_clock_source())
        atomic_store(&handler_clock, CLOCK_MONOTONIC);
}

void spipe_clock_go_without_counter(void)
{
    atomic_store(&handler_clock, CLOCK_MONOTONIC_COARSE);
}

uint64_t spipe_clock_handler_ns(void)
{
    struct timespec time = {0, 0};
    if (vdso_gettime != NULL)
        (void)vdso_gettime(atomic_load_explicit(&handler_clock, memory_order_relaxed), &time);
    return ns_of(&time);
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time = {0, 0};
    if (spipe_system(SYS_clock_gettime, clock, &time) < 0)
        return 0;
    return ns_of(&time);
}

uint64_t spipe_clock_monotonic_ns(void)
{
    struct timespec time = {0, 0};
    if (vdso_gettime != NULL && vdso_gettime(CLOCK_MONOTONIC, &time) == 0)
        return ns_of(&time);
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t spipe_clock_real_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t spipe_clock_thread_cpu_ns(int tid)
{
    return read_clock(spipe_clock_of_thread(tid));
}

static void read_usage(int who, uint64_t *ret_user_us, uint64_t *ret_system_us)
{
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    (void)spipe_system(SYS_getrusage, who, &usage);
    *ret_user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000u + (uint64_t)usage.ru_utime.tv_usec;
    *ret_system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000u + (uint64_t)usage.ru_stime.tv_usec;
}

void spipe_clock_process_cpu(uint64_t *ret_user_us, uint64_t *ret_system_us)
{
    read_usage(RUSAGE_SELF, ret_user_us, ret_system_us);
}

void spipe_clock_self_cpu(uint64_t *ret_user_us, uint64_t *ret_system_us)
{
    read_usage(1 /* RUSAGE_THREAD */, ret_user_us, ret_system_us);
}

uint64_t spipe_clock_tick_ns(void)
{
    /* The coarse clock moves once a tick and says so. */
    struct timespec resolution = {0, 0};
    if (spipe_system(SYS_clock_getres, CLOCK_MONOTONIC_COARSE, &resolution) < 0 || resolution.tv_nsec < 100000)
        return 4000000;
    return ns_of(&resolution);
}
