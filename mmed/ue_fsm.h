/* The UE at the MME: its states, its events, and the one function that steps it. */
#ifndef KEYHOP_MMED_UE_FSM_H
#define KEYHOP_MMED_UE_FSM_H

#include "fsm.h"
#include "mme.h"
#include "nas.pb-c.h"

/* clang-format off */
#define UE_STATES(X) \
	X(NEW, "new") \
	X(AUTHENTICATING, "authenticating") \
	X(SECURING, "securing") \
	X(CONTEXT_SETUP, "context-setup") \
	X(ATTACHED, "attached") \
	X(DETACHING, "detaching") \
	X(RELEASING, "releasing") \
	X(GONE, "gone")

#define UE_EVENTS(X) \
	X(RESTORED, "restored") \
	X(ATTACH_REQUEST, "attach_request") \
	X(AUTH_RESPONSE, "authentication_response") \
	X(AUTH_FAILURE, "authentication_failure") \
	X(SMC_COMPLETE, "security_mode_complete") \
	X(SMC_REJECT, "security_mode_reject") \
	X(ICS_RESPONSE, "initial_context_setup_response") \
	X(ICS_FAILURE, "initial_context_setup_failure") \
	X(ATTACH_COMPLETE, "attach_complete") \
	X(DETACH_REQUEST, "detach_request") \
	X(DETACH_ACCEPT, "detach_accept") \
	X(NEIGHBOUR_LIST, "3 neighbour_list") \
	X(LOCATION_UPDATE, "12 location_update") \
	X(RELEASE_REQUEST, "ue_context_release_request") \
	X(RELEASE_COMPLETE, "ue_context_release_complete") \
	X(ENB_LOST, "enb-lost") \
	X(OP_DETACH, "operator-detach") \
	X(OP_HKEY, "operator-hkey") \
	X(LIST_RENEWAL, "list-renewal") \
	X(SUPERSEDED, "superseded") \
	X(TIMEOUT, "timeout")
/* clang-format on */

enum ue_state {
#define UE_STATE_ENUM(id, name) UE_##id,
	UE_STATES(UE_STATE_ENUM)
#undef UE_STATE_ENUM
		UE_STATE_COUNT
};

enum ue_event_id {
#define UE_EVENT_ENUM(id, name) EV_##id,
	UE_EVENTS(UE_EVENT_ENUM)
#undef UE_EVENT_ENUM
		EV_COUNT,
	EV_NONE
};

/* What came with an event; only what the event has is set. */
struct ue_input {
	struct enb *from; /* sender on S1 */
	const Keyhop__S1__S1 *s1;
	const Keyhop__Nas__Nas *nas;
	enum nas_header nas_type;
	const uint32_t *ids; /* of an operator's list */
	size_t n_ids;
	const uint8_t *row; /* of the store: RESTORED */
	int cause;
};

typedef int ue_action(struct mme *m, struct ue *ue, const struct ue_input *in);

struct ue_row {
	struct fsm_rule rule; /* first */
	ue_action *action;
};

/* Runs the row of state x event. KH_E_BAD_STATE, made known, when there is none; else the action's result. The
 * context is freed when it comes to UE_GONE: do not use `ue` afterwards. */
int ue_step(struct mme *m, struct ue *ue, enum ue_event_id event, const struct ue_input *in);
const char *ue_state_name(const struct ue *ue);
/* Is it attached, if perhaps not for long any more? */
bool ue_is_registered(const struct ue *ue);
extern const struct fsm mme_ue_fsm;

/* Actions, by file. */
ue_action contexts_restore;
ue_action attach_rx_request, attach_rx_complete, attach_timeout;
ue_action authentication_rx_response, authentication_rx_failure;
ue_action security_mode_rx_complete, security_mode_rx_reject;
ue_action context_setup_rx_response, context_setup_rx_failure;
ue_action detach_rx_request, detach_rx_accept, detach_by_operator, detach_again, detach_superseded;
ue_action neighbour_list_rx, hkey_issue_by_operator, list_renew;
ue_action location_update_rx;
ue_action context_release_rx_request, context_release_rx_complete, context_release_enb_lost,
	context_release_again;

/* Called by several procedures. */
int authentication_start(struct mme *m, struct ue *ue);
int security_mode_start(struct mme *m, struct ue *ue);
int context_setup_start(struct mme *m, struct ue *ue);
/* Tells the serving eNodeB to drop the UE. */
int context_release_command(struct mme *m, struct ue *ue, int cause);
/* Steps 3a, 3b, 3c and then 4 or 13 (`answers` is 3 or 12), then 5. */
int key_list_issue(struct mme *m, struct ue *ue, struct enb *to, const uint32_t *ids, size_t n,
		   unsigned answers);
/* Step 5. */
int hkey_delivery_send(struct mme *m, struct ue *ue, uint64_t generation,
		       const struct h_key *h_key);

#endif
