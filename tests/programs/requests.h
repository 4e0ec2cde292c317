/* Many requests of one event card: what the builtin engine can be asked. Shared by the tests of programs and of proofs. */
#pragma once

#include <kgent/intent.h>

/* [intent] is the callee's. FALSE: the kernel has no place for the event; nothing more of this card is asked. */
typedef gboolean (*request_fn)(struct kg_intent *intent, const char *what, void *user);
void requests_of(const struct kg_card *card, request_fn ask, void *user);
