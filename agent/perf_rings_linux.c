/* SPDX-License-Identifier: MIT */
#include "perf_rings.h"

#include "control.h"
#include "files.h"
#include "protocol/system_linux.h"
#include "slice_size.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define PAGE 4096u
#define SOURCES_MAX 16384u
#define CPU_WORDS 128u                  /* of 64 CPUs */
#define NO_RING UINT32_MAX
#define NO_SUCH_THREAD 3                /* ESRCH */
/* With the smallest slices a ring must last for as long as the pump may be kept from it on a busy machine. */
#define LEAST_TIME_NS UINT64_C(20000000)
#define FORMAT_LOST 16u                 /* PERF_FORMAT_LOST, Linux 6.0 */
#define INHERIT_THREAD_BIT 35u          /* Linux 5.13; older headers do not name it */
/* Where locked memory is not limited for us, and elsewhere. */
#define RING_SIZE_ROOMY (16u * 1024u * 1024u)
#define RINGS_SIZE_ROOMY (32u * 1024u * 1024u)
#define RING_SIZE_USUAL (1024u * 1024u)
#define RING_SIZE_LEAST (128u * 1024u)

struct ring {
    struct perf_event_mmap_page *page;  /* NULL: none */
    const unsigned char *bytes;
    uint64_t tail;                      /* where the next record begins; the kernel's may lie behind it */
    uint64_t head;                      /* as of the last snapshot */
    uint64_t throttled_at_ns;
    bool has_sample;                    /* `sample` is the record at the tail */
    struct spipe_perf_sample sample;
    uint32_t record_len;
    int32_t owner;                      /* an event that writes nothing and has the ring, or -1 */
    uint16_t cpu;
};

static struct {
    struct ring ring[SPIPE_PERF_CPUS_MAX];
    uint32_t count;
    uint32_t size;                      /* of each ring */
    int32_t source[SOURCES_MAX];
    uint32_t source_count;
    uint64_t period_ns;
    uint32_t slice_bytes;
    bool counts_lost;                   /* the kernel counts what was lost with each event */
    uint64_t lost_before;               /* of events that are gone, or by the rings' own records */
    uint64_t throttled_ns;
    uint32_t peeked;                    /* ring, or NO_RING */
} rings;

/* ----------------------------------------------------------------------------------------------------------- events */

static void fill_common(struct perf_event_attr *attr)
{
    memset(attr, 0, sizeof *attr);
    attr->type = PERF_TYPE_SOFTWARE;
    attr->size = PERF_ATTR_SIZE_VER5;
    attr->exclude_kernel = 1;
    attr->exclude_hv = 1;
    attr->use_clockid = 1;
    attr->clockid = CLOCK_MONOTONIC;
    attr->watermark = 1;                /* no wake-ups: the pump knows when to come */
    attr->wakeup_watermark = UINT32_MAX / 2;
}

static long open_owner(uint16_t cpu)
{
    struct perf_event_attr attr;
    fill_common(&attr);
    attr.config = PERF_COUNT_SW_DUMMY;
    return spipe_system(SYS_perf_event_open, &attr, 0, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static void set_inherit_thread(struct perf_event_attr *attr)
{
    uint64_t flags;
    unsigned char *place = (unsigned char *)attr + 40;  /* the flags' word follows read_format */
    memcpy(&flags, place, sizeof flags);
    flags |= UINT64_C(1) << INHERIT_THREAD_BIT;
    memcpy(place, &flags, sizeof flags);
}

static long open_source(int32_t tid, uint16_t cpu)
{
    struct perf_event_attr attr;
    fill_common(&attr);
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = rings.period_ns;
    attr.disabled = 1;
    attr.inherit = 1;
    set_inherit_thread(&attr);
    attr.sample_type = SPIPE_PERF_SAMPLE_TYPE;
    attr.sample_regs_user = SPIPE_PERF_REGISTERS;
    attr.sample_stack_user = rings.slice_bytes;
    attr.read_format = rings.counts_lost ? FORMAT_LOST : 0;
    return spipe_system(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t read_lost(int32_t source)
{
    uint64_t value[2] = {0, 0};         /* the count, what was lost */
    long len = rings.counts_lost ? spipe_system(SYS_read, source, value, sizeof value) : 0;
    return len == (long)sizeof value ? value[1] : 0;
}

static void close_sources(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)spipe_system(SYS_ioctl, rings.source[i], PERF_EVENT_IOC_DISABLE, 0);
        rings.lost_before += read_lost(rings.source[i]);
        (void)spipe_system(SYS_close, rings.source[i]);
    }
    rings.source_count -= count;
    memmove(rings.source, rings.source + count, rings.source_count * sizeof rings.source[0]);
}

/* Opens the thread's events, which do not run yet. A thread that has ended meanwhile needs none. */
static bool add_sources(int32_t tid)
{
    for (uint32_t i = 0; i < rings.count; i++) {
        if (rings.source_count == SOURCES_MAX)
            return false;
        long source = open_source(tid, rings.ring[i].cpu);
        if (source == -NO_SUCH_THREAD)
            return true;
        if (source < 0)
            return false;
        rings.source[rings.source_count++] = (int32_t)source;
        if (spipe_system(SYS_ioctl, source, PERF_EVENT_IOC_SET_OUTPUT, rings.ring[i].owner) < 0)
            return false;
    }
    return true;
}

static void enable_sources(uint32_t first)
{
    for (uint32_t i = first; i < rings.source_count; i++)
        (void)spipe_system(SYS_ioctl, rings.source[i], PERF_EVENT_IOC_ENABLE, 0);
}

/* ------------------------------------------------------------------------------------------------------------ rings */

static bool is_lock_unlimited(void)
{
    struct rlimit limit = {0, 0};
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    if (spipe_system(SYS_getrlimit, RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
        return true;
    return spipe_system(SYS_capget, &header, data) == 0 && (data[0].effective >> CAP_IPC_LOCK & 1) != 0;
}

/* What is locked here counts for the user, beside what programs lock to receive data in it, and may be all of it on
 * machines with many CPUs: a quarter is enough. */
static uint32_t largest_ring(void)
{
    struct rlimit limit = {0, 0};
    bool is_roomy = is_lock_unlimited();
    uint32_t size = is_roomy ? RING_SIZE_ROOMY : RING_SIZE_USUAL;
    (void)spipe_system(SYS_getrlimit, RLIMIT_MEMLOCK, &limit);
    uint64_t most = is_roomy ? RINGS_SIZE_ROOMY : limit.rlim_cur / 4;
    while (size >= RING_SIZE_LEAST && (uint64_t)size * rings.count > most)
        size /= 2;
    return size;
}

static bool open_ring(struct ring *ring, uint32_t size)
{
    ring->owner = (int32_t)open_owner(ring->cpu);
    if (ring->owner < 0)
        return false;
    long pages = spipe_system(SYS_mmap, 0, PAGE + size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->owner, 0);
    if (pages < 0 && pages > -(long)PAGE) {
        (void)spipe_system(SYS_close, ring->owner);
        ring->owner = -1;
        return false;
    }
    ring->page = (struct perf_event_mmap_page *)pages;
    ring->bytes = (const unsigned char *)pages + PAGE;
    return true;
}

static void close_ring(struct ring *ring)
{
    if (ring->page != NULL)
        (void)spipe_system(SYS_munmap, ring->page, PAGE + rings.size);
    if (ring->owner >= 0)
        (void)spipe_system(SYS_close, ring->owner);
    uint16_t cpu = ring->cpu;
    memset(ring, 0, sizeof *ring);
    ring->owner = -1;
    ring->cpu = cpu;
}

static bool open_rings(uint32_t size)
{
    rings.size = size;
    for (uint32_t i = 0; i < rings.count; i++) {
        if (open_ring(&rings.ring[i], size))
            continue;
        while (i-- > 0)
            close_ring(&rings.ring[i]);
        return false;
    }
    return true;
}

/* All CPUs that threads of this process may ever be moved to: what the kernel makes of a wish for all of them is the
 * cpuset, which a program's own choice is a part of. The wish is ours alone and is taken back at once. Returns the
 * mask's length in bytes, or what went wrong. */
static long read_cpus(uint64_t *mask)
{
    uint64_t own[CPU_WORDS];
    memset(mask, 0xff, CPU_WORDS * sizeof mask[0]);
    long len = spipe_system(SYS_sched_getaffinity, 0, sizeof own, own);
    long status = len < 0 ? len : spipe_system(SYS_sched_setaffinity, 0, CPU_WORDS * sizeof mask[0], mask);
    if (status < 0)
        return status;
    long all_len = spipe_system(SYS_sched_getaffinity, 0, CPU_WORDS * sizeof mask[0], mask);
    (void)spipe_system(SYS_sched_setaffinity, 0, len, own);
    return all_len;
}

static bool is_in(const uint64_t *mask, long len, uint32_t cpu)
{
    return cpu < (uint32_t)len * 8u && (mask[cpu / 64] >> (cpu % 64) & 1) != 0;
}

static bool find_cpus(void)
{
    uint64_t mask[CPU_WORDS];
    long len = read_cpus(mask);
    rings.count = 0;
    for (uint32_t cpu = 0; len > 0 && cpu < (uint32_t)len * 8u; cpu++) {
        if (!is_in(mask, len, cpu))
            continue;
        if (rings.count == SPIPE_PERF_CPUS_MAX)
            return false;
        rings.ring[rings.count++] = (struct ring){.owner = -1, .cpu = (uint16_t)cpu};
    }
    return rings.count > 0;
}

bool spipe_perf_rings_have_all_cpus(void)
{
    uint64_t mask[CPU_WORDS];
    long len = read_cpus(mask);
    uint32_t known = 0;
    uint32_t all = 0;
    for (uint32_t i = 0; len > 0 && i < rings.count; i++)
        known += is_in(mask, len, rings.ring[i].cpu);
    for (long i = 0; i < len / 8; i++)
        all += (uint32_t)__builtin_popcountll(mask[i]);
    return len <= 0 || all == known;
}

/* The kernel holds clocks back that are faster than this allows. */
bool spipe_perf_rings_is_rate_allowed(uint64_t period_ns)
{
    char text[32];
    uint64_t limit;
    long len = spipe_files_read("/proc/sys/kernel/perf_event_max_sample_rate", text, sizeof text);
    const char *at = text;
    return len <= 0 || !spipe_text_take_number(&at, text + len, 10, &limit) || limit >= UINT64_C(1000000000) / period_ns;
}

static bool is_open(void)
{
    return rings.count > 0 && rings.ring[0].page != NULL;
}

static uint32_t record_bytes(uint32_t slice_bytes)
{
    return SPIPE_PERF_HEAD_BYTES + slice_bytes + SPIPE_PERF_TAIL_BYTES;
}

static bool open_some(void)
{
    for (uint32_t size = largest_ring(); size >= RING_SIZE_LEAST; size /= 2) {
        if (open_rings(size))
            return true;
    }
    return false;
}

static bool can_open_source(uint64_t period_ns)
{
    rings.period_ns = period_ns;
    rings.slice_bytes = SPIPE_SLICE_SIZE_LEAST;
    int32_t tid = (int32_t)spipe_system(SYS_gettid);
    for (int counts_lost = 1; counts_lost >= 0; counts_lost--) {
        rings.counts_lost = counts_lost != 0;
        long source = open_source(tid, rings.ring[0].cpu);
        if (source < 0)
            continue;
        (void)spipe_system(SYS_close, source);
        return true;
    }
    return false;
}

bool spipe_perf_rings_are_allowed(uint64_t period_ns)
{
    /* In the program's own table the descriptors could be closed by it. */
    if (atomic_load(&spipe_control.has_hidden) != 1 || !spipe_perf_rings_is_rate_allowed(period_ns))
        return false;
    if (!is_open() && (!find_cpus() || !can_open_source(period_ns) || !open_some()))
        return false;
    return rings.size / record_bytes(SPIPE_SLICE_SIZE_LEAST) * period_ns >= LEAST_TIME_NS;
}

void spipe_perf_rings_close(void)
{
    spipe_perf_rings_stop();
    for (uint32_t i = 0; i < rings.count; i++)
        close_ring(&rings.ring[i]);
}

uint32_t spipe_perf_rings_cpu_count(void)
{
    return rings.count;
}

void spipe_perf_rings_fork(void)
{
    memset(&rings, 0, sizeof rings);
}

bool spipe_perf_rings_start(const int32_t *tid, uint32_t count, uint64_t period_ns, uint32_t slice_bytes)
{
    uint32_t old_count = rings.source_count;
    rings.period_ns = period_ns;
    rings.slice_bytes = slice_bytes;
    for (uint32_t i = 0; i < count; i++) {
        if (!add_sources(tid[i])) {
            spipe_perf_rings_stop();
            return false;
        }
    }
    close_sources(old_count);
    enable_sources(0);
    return true;
}

bool spipe_perf_rings_add(int32_t tid)
{
    uint32_t first = rings.source_count;
    bool has_all = add_sources(tid);
    enable_sources(first);
    return has_all;
}

void spipe_perf_rings_stop(void)
{
    close_sources(rings.source_count);
}

uint32_t spipe_perf_rings_slice_for(uint64_t period_ns, uint64_t time_ns)
{
    uint32_t slice = SPIPE_SLICE_SIZE_MOST;
    while (slice > SPIPE_SLICE_SIZE_LEAST && rings.size / record_bytes(slice) * period_ns < time_ns)
        slice = spipe_slice_size_below(slice);
    return slice;
}

uint64_t spipe_perf_rings_half_full_ns(void)
{
    return rings.size / 2 / record_bytes(rings.slice_bytes) * rings.period_ns;
}

uint32_t spipe_perf_rings_fill_percent(void)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < rings.count; i++) {
        const struct ring *ring = &rings.ring[i];
        if (ring->page == NULL)
            continue;
        uint64_t fill = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE) - ring->page->data_tail;
        most = fill > most ? fill : most;
    }
    return rings.size == 0 ? 0 : (uint32_t)(most * 100u / rings.size);
}

uint64_t spipe_perf_rings_lost(void)
{
    uint64_t lost = rings.lost_before;
    for (uint32_t i = 0; i < rings.source_count; i++)
        lost += read_lost(rings.source[i]);
    return lost;
}

uint64_t spipe_perf_rings_throttled_ns(void)
{
    return rings.throttled_ns;
}

/* ---------------------------------------------------------------------------------------------------------- records */

/* A record may go round the ring's end. */
static void copy_out(const struct ring *ring, uint64_t from, void *to, uint32_t len)
{
    uint32_t at = (uint32_t)(from & (rings.size - 1));
    uint32_t first = len < rings.size - at ? len : rings.size - at;
    memcpy(to, ring->bytes + at, first);
    memcpy((unsigned char *)to + first, ring->bytes, len - first);
}

static void step_over(struct ring *ring, uint32_t len)
{
    ring->tail += len;
    ring->has_sample = false;
}

/* Lost: the event's id and how many. Throttled and not any more: the time first. */
static void take_notice(struct ring *ring, const struct perf_event_header *header)
{
    uint64_t word[3] = {0, 0, 0};
    copy_out(ring, ring->tail, word, header->size < sizeof word ? header->size : (uint32_t)sizeof word);
    if (header->type == PERF_RECORD_LOST && !rings.counts_lost)
        rings.lost_before += word[2];
    if (header->type == PERF_RECORD_THROTTLE)
        ring->throttled_at_ns = word[1];
    if (header->type == PERF_RECORD_UNTHROTTLE && ring->throttled_at_ns != 0 && word[1] > ring->throttled_at_ns) {
        rings.throttled_ns += word[1] - ring->throttled_at_ns;
        ring->throttled_at_ns = 0;
    }
}

/* Goes on to the next sample of a ring, if it is there. */
static bool find_sample(struct ring *ring)
{
    while (!ring->has_sample && ring->head - ring->tail >= sizeof(struct perf_event_header)) {
        struct perf_event_header header;
        unsigned char head[SPIPE_PERF_HEAD_BYTES];
        copy_out(ring, ring->tail, &header, sizeof header);
        if (header.size < sizeof header || header.size > ring->head - ring->tail) {
            step_over(ring, (uint32_t)(ring->head - ring->tail));   /* not the kernel's: somebody wrote into the ring */
            break;
        }
        if (header.type == PERF_RECORD_SAMPLE && header.size >= sizeof head) {
            copy_out(ring, ring->tail, head, sizeof head);
            ring->has_sample = spipe_perf_record_read(head, header.size, &ring->sample);
            ring->record_len = header.size;
        } else {
            take_notice(ring, &header);
        }
        if (!ring->has_sample)
            step_over(ring, header.size);
    }
    return ring->has_sample;
}

void spipe_perf_rings_snapshot(void)
{
    for (uint32_t i = 0; i < rings.count; i++) {
        if (rings.ring[i].page != NULL)
            rings.ring[i].head = __atomic_load_n(&rings.ring[i].page->data_head, __ATOMIC_ACQUIRE);
    }
}

bool spipe_perf_rings_peek(uint64_t until_ns, struct spipe_perf_sample *ret_sample)
{
    uint64_t earliest_ns = until_ns;
    rings.peeked = NO_RING;
    for (uint32_t i = 0; i < rings.count; i++) {
        struct ring *ring = &rings.ring[i];
        if (ring->page == NULL || !find_sample(ring) || ring->sample.time_ns >= earliest_ns)
            continue;
        earliest_ns = ring->sample.time_ns;
        rings.peeked = i;
    }
    if (rings.peeked == NO_RING)
        return false;
    *ret_sample = rings.ring[rings.peeked].sample;
    return true;
}

const unsigned char *spipe_perf_rings_take(unsigned char *spare, uint32_t *ret_len)
{
    struct ring *ring = &rings.ring[rings.peeked];
    uint64_t readable = 0;
    copy_out(ring, ring->tail + ring->record_len - SPIPE_PERF_TAIL_BYTES, &readable, sizeof readable);
    uint32_t len = readable < ring->sample.slice_len ? (uint32_t)readable : ring->sample.slice_len;
    uint64_t stack = ring->tail + SPIPE_PERF_HEAD_BYTES;
    uint32_t at = (uint32_t)(stack & (rings.size - 1));
    bool goes_round = rings.size - at < len;
    if (goes_round)
        copy_out(ring, stack, spare, len);
    step_over(ring, ring->record_len);
    *ret_len = len;
    return goes_round ? spare : ring->bytes + at;
}

void spipe_perf_rings_release(void)
{
    for (uint32_t i = 0; i < rings.count; i++) {
        if (rings.ring[i].page != NULL)
            __atomic_store_n(&rings.ring[i].page->data_tail, rings.ring[i].tail, __ATOMIC_RELEASE);
    }
}
