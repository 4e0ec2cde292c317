/* Pieces of JSON that the objects of docs/json.md share. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* A string, or null for NULL. What is not UTF-8 becomes U+FFFD. */
json_t *kg_json_text(const char *s);
/* Findings (struct kg_diag *) as an array; NULL is none. */
json_t *kg_json_findings(const GPtrArray *diags);
/* Append [object] as one line, and release it. */
void kg_json_append(json_t *object, GString *out);
