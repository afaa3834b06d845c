/* SPDX-License-Identifier: MIT */
#include "account.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>

struct depths {
    uint32_t *of_stack; /* by stack id, which is dense and begins at 1 */
    size_t count;
    size_t room;
};

/* From a sample's time to its record's arrival here, in us. */
struct delays {
    uint32_t *us;
    size_t count;
    size_t room;
};

/* Sums of the last Ledger's threads. */
struct totals {
    uint64_t attempted, sent, pending, dropped, cpu_us;
};

struct account {
    char mechanism[32];
    uint64_t origin_ns;
    uint32_t quantum_ns;
    uint32_t period_ns; /* that a weight of 1 stands for */
    uint64_t flush_ms;
    uint64_t samples, weight, frames, messages; /* messages of samples */
    uint64_t bytes_columns, bytes_definitions, bytes_other;
    struct depths depths;
    struct delays delays;
    struct spipe_ledger ledger; /* its totals; `thread` is not kept */
    struct spipe_thread_ledger *thread; /* the last entry of each, by id */
    size_t thread_room;
    bool has_goodbye;
};

/* Room for `wanted` entries, the new ones zero. A benchmark without memory ends. */
static void *grow(void *array, size_t *room, size_t wanted, size_t entry_size)
{
    if (wanted <= *room)
        return array;
    size_t larger = wanted * 2 + 1024;
    array = realloc(array, larger * entry_size);
    if (array == NULL)
        abort();
    memset((char *)array + *room * entry_size, 0, (larger - *room) * entry_size);
    *room = larger;
    return array;
}

static void add_stacks(struct depths *depths, const struct spipe_stacks *stacks)
{
    depths->of_stack =
        grow(depths->of_stack, &depths->room, stacks->first_stack_id + stacks->count, sizeof *depths->of_stack);
    for (size_t i = 0; i < stacks->count; i++) {
        uint32_t stack_id = stacks->first_stack_id + (uint32_t)i;
        uint32_t back = stacks->parent_back[i];
        depths->of_stack[stack_id] = back == 0 ? 1 : depths->of_stack[stack_id - back] + 1;
    }
    depths->count = stacks->first_stack_id + stacks->count;
}

static void add_delay(struct delays *delays, uint64_t ns)
{
    delays->us = grow(delays->us, &delays->room, delays->count + 1, sizeof *delays->us);
    delays->us[delays->count++] = (uint32_t)(ns / 1000);
}

/* Times count from the start anew in each run. */
static void add_times(struct account *account, const struct spipe_samples *samples)
{
    uint64_t arrival_ns = clock_now_ns();
    size_t at = 0;
    for (size_t run = 0; run < samples->run_count; run++) {
        uint64_t time = samples->start_time;
        for (uint32_t i = 0; i < samples->run_length[run]; i++) {
            time += samples->time_delta[at++];
            uint64_t taken_ns = account->origin_ns + time * account->quantum_ns;
            add_delay(&account->delays, arrival_ns > taken_ns ? arrival_ns - taken_ns : 0);
        }
    }
}

static void add_samples(struct account *account, const struct spipe_samples *samples)
{
    add_times(account, samples);
    for (size_t i = 0; i < samples->sample_count; i++) {
        uint32_t stack_id = samples->stack_id[i];
        account->weight += samples->weight != NULL ? samples->weight[i] : 1;
        account->frames += stack_id < account->depths.count ? account->depths.of_stack[stack_id] : 0;
    }
    account->samples += samples->sample_count;
    account->messages++;
}

static void add_ledger(struct account *account, const struct spipe_ledger *ledger)
{
    account->ledger = *ledger;
    for (size_t i = 0; i < ledger->thread_count; i++) {
        uint32_t thread_id = ledger->thread[i].thread_id;
        account->thread = grow(account->thread, &account->thread_room, thread_id + 1u, sizeof *account->thread);
        account->thread[thread_id] = ledger->thread[i];
    }
}

static void count_bytes(struct account *account, enum spipe_record_kind kind, size_t len)
{
    switch (kind) {
    case SPIPE_RECORD_SAMPLES:
        account->bytes_columns += len;
        break;
    case SPIPE_RECORD_STACKS:
    case SPIPE_RECORD_FRAMES:
    case SPIPE_RECORD_IMAGES:
    case SPIPE_RECORD_THREADS:
    case SPIPE_RECORD_STRINGS:
    case SPIPE_RECORD_METHODS:
        account->bytes_definitions += len;
        break;
    default:
        account->bytes_other += len;
        break;
    }
}

static void add_applied(struct account *account, const struct spipe_applied *applied)
{
    account->quantum_ns = applied->time_quantum_ns;
    account->flush_ms = applied->configuration.flush_interval_ms;
    if (applied->source_count > 0) {
        account->period_ns = applied->source[0].weight_quantum;
        snprintf(account->mechanism, sizeof account->mechanism, "%s", applied->source[0].mechanism);
    }
}

struct account *account_new(void)
{
    struct account *account = calloc(1, sizeof *account);
    if (account == NULL)
        abort();
    return account;
}

void account_free(struct account *account)
{
    free(account->depths.of_stack);
    free(account->delays.us);
    free(account->thread);
    free(account);
}

void account_add(struct account *account, const struct spipe_record *record, size_t message_len)
{
    count_bytes(account, record->kind, message_len);
    switch (record->kind) {
    case SPIPE_RECORD_HELLO:
        account->origin_ns = record->hello.origin_ns;
        break;
    case SPIPE_RECORD_APPLIED:
        add_applied(account, &record->applied);
        break;
    case SPIPE_RECORD_STACKS:
        add_stacks(&account->depths, &record->stacks);
        break;
    case SPIPE_RECORD_SAMPLES:
        add_samples(account, &record->samples);
        break;
    case SPIPE_RECORD_LEDGER:
        add_ledger(account, &record->ledger);
        break;
    case SPIPE_RECORD_CHECKPOINT:
        account->depths.count = 0;
        break;
    case SPIPE_RECORD_GOODBYE:
        account->has_goodbye = true;
        break;
    default:
        break;
    }
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static uint32_t delay_at(const struct delays *delays, double share)
{
    return delays->count == 0 ? 0 : delays->us[(size_t)((double)(delays->count - 1) * share)];
}

static struct totals sum_threads(const struct account *account)
{
    struct totals totals = {0};
    for (size_t i = 0; i < account->thread_room; i++) {
        const struct spipe_thread_ledger *thread = &account->thread[i];
        totals.attempted += thread->attempted;
        totals.sent += thread->sent;
        totals.pending += thread->pending;
        totals.cpu_us += thread->cpu_us;
        totals.dropped += thread->dropped_ring_full + thread->dropped_pipe_full + thread->dropped_paused +
                          thread->dropped_no_slot + thread->dropped_in_agent + thread->dropped_blocked +
                          thread->dropped_other;
    }
    return totals;
}

void account_print(struct account *account, FILE *out)
{
    const struct spipe_ledger *ledger = &account->ledger;
    struct totals totals = sum_threads(account);
    qsort(account->delays.us, account->delays.count, sizeof *account->delays.us, compare);
    fprintf(out, "\"mechanism\": \"%s\", \"period_ns\": %u, \"flush_ms\": %llu, \"goodbye\": %s", account->mechanism,
            account->period_ns, (unsigned long long)account->flush_ms, account->has_goodbye ? "true" : "false");
    fprintf(out, ", \"samples\": %llu, \"weight\": %llu, \"frames\": %llu, \"messages\": %llu",
            (unsigned long long)account->samples, (unsigned long long)account->weight,
            (unsigned long long)account->frames, (unsigned long long)account->messages);
    fprintf(out, ", \"bytes_columns\": %llu, \"bytes_definitions\": %llu, \"bytes_other\": %llu",
            (unsigned long long)account->bytes_columns, (unsigned long long)account->bytes_definitions,
            (unsigned long long)account->bytes_other);
    fprintf(out, ", \"attempted\": %llu, \"sent\": %llu, \"pending\": %llu, \"dropped\": %llu, \"threads_cpu_us\": %llu",
            (unsigned long long)totals.attempted, (unsigned long long)totals.sent, (unsigned long long)totals.pending,
            (unsigned long long)totals.dropped, (unsigned long long)totals.cpu_us);
    fprintf(out, ", \"process_user_us\": %llu, \"process_system_us\": %llu, \"agent_cpu_us\": %llu",
            (unsigned long long)ledger->process_user_us, (unsigned long long)ledger->process_system_us,
            (unsigned long long)ledger->agent_cpu_us);
    fprintf(out, ", \"handler_p50_ns\": %u, \"handler_p99_ns\": %u, \"handler_max_ns\": %u, \"sleeps_cut_short\": %u",
            ledger->handler_p50_ns, ledger->handler_p99_ns, ledger->handler_max_ns, ledger->sleeps_cut_short);
    fprintf(out, ", \"delay_p50_us\": %u, \"delay_p99_us\": %u, \"delay_max_us\": %u", delay_at(&account->delays, 0.5),
            delay_at(&account->delays, 0.99), delay_at(&account->delays, 1.0));
}
