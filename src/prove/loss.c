/* What can be lost without a trace: read off the program, the object and the profile. See prove.h. */
#include "proof.h"

void proof_losses(struct kg_proof *proof, const struct kg_object *object, const struct kg_bt_program *program, struct kg_profile *profile)
{
	(void)proof;
	(void)object;
	(void)program;
	(void)profile;
}
