/* AS security of a UE in this cell. */
#ifndef KEYHOP_ENBD_AS_SECURITY_H
#define KEYHOP_ENBD_AS_SECURITY_H

#include "enb.h"

/* This cell's choice out of what the UE can do. KH_E_NO_COMMON_ALGORITHM. */
int as_security_choose(const struct enb *e, struct ue *ue, uint8_t *eea,
		       uint8_t *eia) KH_MUST_CHECK;
/* Step 8a: RRC and UP keys from KeNB, taken in use with COUNTs 0. The caller wipes `kenb`. */
int as_security_install(struct ue *ue, const struct kenb *kenb, uint64_t generation, uint8_t eea,
			uint8_t eia) KH_MUST_CHECK;

#endif
