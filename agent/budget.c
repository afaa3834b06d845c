/* SPDX-License-Identifier: MIT */
#include "budget.h"

#include "clock.h"
#include "control.h"
#include "ledger.h"
#include "session.h"

#define FIRST_LOOK_NS UINT64_C(50000000)
#define LOOK_NS UINT64_C(250000000)
/* What was taken too much is saved within so many looks. */
#define REPAY_LOOKS 8u
/* With fewer samples between two looks the agent costs what it costs without any. */
#define FEW_SAMPLES 8u
/* At most by so much at a time. */
#define RAISE_MOST 4u
#define LOWER_MOST 2u
/* A shorter interval is taken when it is expected to use no more of the budget than that. */
#define LOWER_PERCENT 80u
#define IDLE_SHARE 10u

static uint64_t divide_up(uint64_t dividend, uint64_t divisor)
{
    return (dividend + divisor - 1) / divisor;
}

static uint32_t raise_stretch(uint32_t stretch, uint64_t cost_us, uint64_t allowed_us)
{
    uint64_t wanted = allowed_us == 0 ? SPIPE_STRETCH_MAX : divide_up(stretch * cost_us, allowed_us);
    if (wanted > (uint64_t)stretch * RAISE_MOST)
        wanted = (uint64_t)stretch * RAISE_MOST;
    return wanted > SPIPE_STRETCH_MAX ? SPIPE_STRETCH_MAX : (uint32_t)wanted;
}

static uint32_t lower_stretch(uint32_t stretch, uint64_t cost_us, uint64_t allowed_us)
{
    uint64_t wanted = allowed_us == 0 ? stretch : divide_up(stretch * cost_us * 100u, allowed_us * LOWER_PERCENT);
    uint32_t least = (uint32_t)divide_up(stretch, LOWER_MOST);
    if (wanted < least)
        wanted = least;
    return wanted < stretch ? (uint32_t)wanted : stretch;
}

uint32_t spipe_budget_decide(uint32_t stretch, const struct spipe_budget_use *use, uint32_t budget_ppm)
{
    uint64_t least_us = use->elapsed_us / IDLE_SHARE;
    uint64_t program_us = use->program_us < least_us ? least_us : use->program_us;
    uint64_t allowed_us = program_us * budget_ppm / 1000000u;
    if (use->cost_us <= allowed_us)
        return lower_stretch(stretch, use->cost_us, allowed_us);
    return use->samples < FEW_SAMPLES ? stretch : raise_stretch(stretch, use->cost_us, allowed_us);
}

static struct spipe_budget_use totals_at(struct spipe_session *session, uint64_t now_ns)
{
    struct spipe_ledger_cost cost = spipe_ledger_cost(session);
    return (struct spipe_budget_use){(cost.handler_ns + session->budget.sampling_ns) / 1000u, cost.program_us,
                                     now_ns / 1000u, session->samples_sent};
}

void spipe_budget_begin(struct spipe_session *session)
{
    uint64_t now_ns = spipe_clock_monotonic_ns();
    session->budget = (struct spipe_budget){.stretch = 1, .longest = 1, .next_ns = now_ns + FIRST_LOOK_NS};
    session->budget.seen = totals_at(session, now_ns);
}

/* Since the session began. */
static uint64_t debt_of(const struct spipe_budget_use *total, uint32_t budget_ppm)
{
    uint64_t allowed_us = total->program_us * budget_ppm / 1000000u;
    return total->cost_us > allowed_us ? total->cost_us - allowed_us : 0;
}

bool spipe_budget_look(struct spipe_session *session, uint64_t now_ns)
{
    struct spipe_budget *budget = &session->budget;
    uint32_t budget_ppm = session->settings.applied.budget_ppm;
    if (now_ns < budget->next_ns || budget_ppm >= SPIPE_BUDGET_NONE_PPM)
        return false;
    budget->next_ns = now_ns + LOOK_NS;
    struct spipe_budget_use total = totals_at(session, now_ns);
    struct spipe_budget_use use = {total.cost_us - budget->seen.cost_us, total.program_us - budget->seen.program_us,
                                   total.elapsed_us - budget->seen.elapsed_us, total.samples - budget->seen.samples};
    use.cost_us += debt_of(&total, budget_ppm) / REPAY_LOOKS;
    uint32_t stretch = spipe_budget_decide(budget->stretch, &use, budget_ppm);
    budget->seen = total;
    if (stretch == budget->stretch)
        return false;
    budget->stretch = stretch;
    if (stretch > budget->longest)
        budget->longest = stretch;
    return true;
}

static uint64_t own_cpu_ns(void)
{
    return spipe_clock_thread_cpu_ns((int)atomic_load(&spipe_control.pump.tid));
}

void spipe_budget_round_begin(struct spipe_session *session)
{
    session->budget.round_began_ns = own_cpu_ns();
    session->budget.round_samples = session->samples_sent;
    session->budget.round_setup_ns = 0;
}

void spipe_budget_round_end(struct spipe_session *session)
{
    struct spipe_budget *budget = &session->budget;
    uint64_t used_ns = own_cpu_ns() - budget->round_began_ns;
    bool has_samples = session->samples_sent != budget->round_samples;
    if (has_samples && used_ns > budget->round_setup_ns)
        budget->sampling_ns += used_ns - budget->round_setup_ns;
}

uint64_t spipe_budget_setup_begin(void)
{
    return own_cpu_ns();
}

void spipe_budget_setup_end(struct spipe_session *session, uint64_t began_ns)
{
    session->budget.round_setup_ns += own_cpu_ns() - began_ns;
}
