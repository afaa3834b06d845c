/* SPDX-License-Identifier: MIT */
#include "sampling.h"

#include "clock.h"
#include "control.h"
#include "greeting.h"
#include "handler.h"
#include "ledger.h"
#include "log.h"
#include "notices.h"
#include "perf_drain.h"
#include "perf_rings.h"
#include "sampler_rings.h"
#include "signals.h"
#include "wall.h"
#include "weave.h"

#include <string.h>

/* Field numbers of Configuration in profile.proto. */
#define FIELD_CPU_PERIOD 3u
#define FIELD_FOLLOW     12u

/* STACKPIPE_MECHANISM names one, for tests and for those who know better. */
static enum spipe_mechanism choose_mechanism(uint64_t period_ns)
{
    for (unsigned i = SPIPE_MECHANISM_THREAD_CPU_TIMER; i <= SPIPE_MECHANISM_LAST; i++) {
        enum spipe_mechanism named = (enum spipe_mechanism)i;
        if (strcmp(spipe_control.environment.mechanism, spipe_sampler_mechanism_name(named)) == 0 &&
            spipe_sampler_is_allowed(named, period_ns))
            return named;
    }
    return spipe_sampler_choose(SPIPE_MECHANISM_NONE, period_ns);
}

/* perf can only send standard signals, and the watcher only queue real-time ones. */
static bool take_signal_for(enum spipe_mechanism mechanism)
{
    enum spipe_signal_class class = SPIPE_SIGNAL_ANY;
    if (mechanism == SPIPE_MECHANISM_PERF_RING)
        return true;
    if (mechanism == SPIPE_MECHANISM_PERF_CPU_CLOCK)
        class = SPIPE_SIGNAL_STANDARD;
    else if (mechanism == SPIPE_MECHANISM_SIGNAL_RUNNABLE)
        class = SPIPE_SIGNAL_REAL_TIME;
    spipe_signals_prefer(class);
    return spipe_signals_take() != 0;
}

static uint64_t asked_period_ns(const struct spipe_session *session)
{
    return (uint64_t)session->settings.applied.cpu_period_us * 1000u;
}

/* perf's clock is kept out of step with the kernel's tick: where both fell together, the tick would find the kernel at
 * work for us, and count the program's own time as the system's. */
static uint64_t period_of(const struct spipe_session *session)
{
    uint64_t period_ns = asked_period_ns(session);
    bool is_perf = session->mechanism == SPIPE_MECHANISM_PERF_CPU_CLOCK || session->mechanism == SPIPE_MECHANISM_PERF_RING;
    return is_perf ? period_ns - period_ns * 3u / 1000u : period_ns;
}

/* A child opens a connection of its own, and a program that is executed gets the agent by LD_PRELOAD. */
static void limit_following(struct spipe_settings *settings)
{
    struct spipe_endpoint endpoint;
    if (!settings->applied.follow_children)
        return;
    if (spipe_endpoint_parse(spipe_control.environment.endpoint, NULL, &endpoint, NULL) == 0 &&
        endpoint.kind == SPIPE_ENDPOINT_DESCRIPTORS) {
        settings->applied.follow_children = false;
        spipe_settings_add_unmet(settings, FIELD_FOLLOW, "children cannot connect anew by inherited descriptors");
    } else if (spipe_control.environment.preload[0] == '\0') {
        spipe_settings_add_unmet(settings, FIELD_FOLLOW,
                                 "only forked children are followed, as the agent did not come by LD_PRELOAD");
    }
}

void spipe_sampling_plan_settings(struct spipe_session *session, const struct spipe_configuration *asked)
{
    spipe_settings_apply(&session->settings, asked, (uint32_t)(spipe_clock_tick_ns() / 1000u));
    limit_following(&session->settings);
    session->period_ns = asked_period_ns(session);
    session->wall_period_ns = session->is_text ? 0 : (uint64_t)session->settings.applied.wall_period_us * 1000u;
}

/* Takes the mechanism, or the best of those behind it for which a signal is free. */
static void use_mechanism(struct spipe_session *session, enum spipe_mechanism mechanism)
{
    struct spipe_settings *settings = &session->settings;
    while (!take_signal_for(mechanism)) {
        if (mechanism != SPIPE_MECHANISM_PERF_CPU_CLOCK) {
            spipe_log("no signal is free for sampling", NULL);
            spipe_settings_add_unmet(settings, FIELD_CPU_PERIOD, "the program uses all signals: there are no samples");
            session->mechanism = SPIPE_MECHANISM_NONE;
            return;
        }
        mechanism = spipe_sampler_choose(mechanism, asked_period_ns(session));
    }
    session->mechanism = mechanism;
    session->period_ns = period_of(session);
    if (mechanism == SPIPE_MECHANISM_THREAD_CPU_TIMER && session->period_ns < spipe_clock_tick_ns())
        spipe_settings_add_unmet(settings, FIELD_CPU_PERIOD,
                                 "perf events are not to be had: samples come at the kernel's tick, and stand for more");
}

void spipe_sampling_plan(struct spipe_session *session, const struct spipe_configuration *asked)
{
    spipe_sampling_plan_settings(session, asked);
    session->budget.stretch = 1;
    use_mechanism(session, choose_mechanism(asked_period_ns(session)));
}

/* Tells the host when it is another one. */
static void change_mechanism(struct spipe_session *session, enum spipe_mechanism mechanism)
{
    enum spipe_mechanism before = session->mechanism;
    use_mechanism(session, mechanism);
    if (session->mechanism != before && !session->is_text)
        spipe_greeting_put_applied(session);
}

static void start_sampler(struct spipe_session *session)
{
    atomic_store(&spipe_handler_shared.max_depth, session->settings.applied.max_depth);
    atomic_store(&spipe_handler_shared.audit_interval, session->is_text ? 0 : session->settings.applied.audit_interval);
    atomic_store(&spipe_control.is_active, 1);
    if (session->settings.applied.follow_children)
        spipe_notices_open();
    atomic_store(&spipe_control.follows_children, session->settings.applied.follow_children);
    spipe_perf_drain_discard(session);
    while (session->mechanism != SPIPE_MECHANISM_NONE &&
           !spipe_sampler_start(session->mechanism, session->period_ns, session->budget.stretch, spipe_signals_current())) {
        spipe_log("sampling could not be started", spipe_sampler_mechanism_name(session->mechanism));
        spipe_sampler_stop();
        change_mechanism(session, session->mechanism == SPIPE_MECHANISM_PERF_RING
                                      ? spipe_sampler_choose(session->mechanism, asked_period_ns(session))
                                      : SPIPE_MECHANISM_THREAD_CPU_TIMER);
    }
}

static void stop_sampler(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            spipe_ledger_look(session, slot);
    }
    spipe_sampler_stop();
    if (session->mechanism == SPIPE_MECHANISM_PERF_RING)
        (void)spipe_weave_drain(session);
}

void spipe_sampling_end(void)
{
    spipe_perf_drain_end();
    spipe_perf_rings_close();
}

static void restart_sampler(struct spipe_session *session, enum spipe_mechanism mechanism)
{
    bool was_on = spipe_sampler_is_on();
    stop_sampler(session);
    change_mechanism(session, mechanism);
    if (was_on)
        start_sampler(session);
}

static void follow_fit(struct spipe_session *session, enum spipe_sampler_fit fit)
{
    uint64_t period_ns = asked_period_ns(session);
    if (fit == SPIPE_SAMPLER_FITS)
        return;
    if (fit == SPIPE_SAMPLER_DOES_NOT_FIT) {
        restart_sampler(session, spipe_sampler_choose(session->mechanism, period_ns));
    } else {
        stop_sampler(session);
        spipe_sampling_end();
        restart_sampler(session, choose_mechanism(period_ns));
    }
}

void spipe_sampling_stretch(struct spipe_session *session)
{
    stop_sampler(session);
    start_sampler(session);
}

void spipe_sampling_tend(struct spipe_session *session)
{
    follow_fit(session, spipe_sampler_tend());
}

bool spipe_sampling_is_settled(const struct spipe_session *session)
{
    return session->mechanism != SPIPE_MECHANISM_PERF_RING || spipe_sampler_rings_are_settled();
}

void spipe_sampling_look(struct spipe_session *session)
{
    follow_fit(session, spipe_sampler_look());
}

void spipe_sampling_change_signal(struct spipe_session *session)
{
    if (session->mechanism != SPIPE_MECHANISM_PERF_RING)
        restart_sampler(session, session->mechanism);
}

void spipe_sampling_start(struct spipe_session *session)
{
    start_sampler(session);
    spipe_wall_start(session);
}

void spipe_sampling_stop(struct spipe_session *session)
{
    spipe_wall_stop(session);
    stop_sampler(session);
}
