/* The hooks that are known (data/safety/hooks): heat and plain words of an attach point. */
#pragma once

#include <kgent/safety.h>

struct kg_hooks;
int kg_hooks_open(const char *const *dirs, struct kg_hooks **ret, struct kg_error *err);
struct kg_hooks *kg_hooks_free(struct kg_hooks *hooks);
/* The heat of an attach point, of a wildcard the highest that it surely includes; *plain is borrowed, NULL where there is none. */
enum kg_heat kg_hooks_find(const struct kg_hooks *hooks, const struct kg_bt_attach *a, const char **plain);
