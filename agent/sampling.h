/* SPDX-License-Identifier: MIT */
/* Begins and ends sampling for a session: settings to mechanism, signal and threads. Pump only. */
#ifndef SPIPE_AGENT_SAMPLING_H
#define SPIPE_AGENT_SAMPLING_H

#include "session.h"

/* Only the numbers: touches nothing of the program. */
void spipe_sampling_plan_settings(struct spipe_session *session, const struct spipe_configuration *asked);

/* Decides on settings, mechanism and signal for what was asked. Touches nothing of the program but the signal's
 * disposition. */
void spipe_sampling_plan(struct spipe_session *session, const struct spipe_configuration *asked);

/* Takes another signal than the one in use, when the program wants that; samples may then come by another mechanism, or
 * not at all. */
void spipe_sampling_change_signal(struct spipe_session *session);

/* Follows what the program does, when the mechanism has to: each round, and what happens seldom once a second. Samples
 * may then come by another mechanism. */
void spipe_sampling_tend(struct spipe_session *session);
void spipe_sampling_look(struct spipe_session *session);

/* Goes on with the interval that the budget allows. */
void spipe_sampling_stretch(struct spipe_session *session);

/* False while the mechanism is still finding out what the program is like. */
bool spipe_sampling_is_settled(const struct spipe_session *session);

/* Starts and stops as planned. What was not sampled until then is accounted for. */
void spipe_sampling_start(struct spipe_session *session);
void spipe_sampling_stop(struct spipe_session *session);

/* Gives back what the mechanism has taken, when the session is over. */
void spipe_sampling_end(void);

#endif
