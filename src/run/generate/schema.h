/* schema.h - inside JSON schema -> grammar.
 *
 * Each schema becomes a rule s0, s1, ... of GBNF text; schemas that are equal share one, so recursion ends. What the
 * grammar allows is always valid; where it is less than what is valid (members come in the schema's order, numbers have
 * at most 16 digits, white space is a blank or a line break with an indent), README and --help say so. What would let
 * through an invalid document is refused with the keyword's name and place. */
#ifndef WT_SCHEMA_H
#define WT_SCHEMA_H
#include <jansson.h>
#include "run/generate/grammar.h"

/* The types of JSON, as bits. An integer is a number, too. */
enum {
    WT_J_NULL = 1,
    WT_J_BOOL = 2,
    WT_J_INTEGER = 4,
    WT_J_NUMBER = 8,
    WT_J_STRING = 16,
    WT_J_ARRAY = 32,
    WT_J_OBJECT = 64,
    WT_J_ANY = 127
};

typedef struct wt_schema {
    wt_buf *out; /* finished rules */
    wt_context *ctx;
    json_t *root;
    json_t **made; /* schema of each rule; borrowed, or one of `owned` */
    size_t n_made, cap_made;
    json_t *owned; /* an array that keeps what was merged alive */
    const char *name;
    char path[200]; /* "#/properties/city" */
    int depth;
    wt_err *err;
} wt_schema;
enum { WT_SCHEMA_MAX_DEPTH = 64 };

/* WT_EUNSUPPORTED naming the keyword and where it stands. */
wt_status wt_schema_refuse(wt_schema *s, const char *fmt, ...) WT_PRINTF(2, 3);
wt_status wt_schema_wrong(wt_schema *s, const char *fmt, ...) WT_PRINTF(2, 3); /* WT_EFORMAT */
/* The number of the rule for a schema. `at`: what is appended to the path ("/properties/", "city"). */
wt_status wt_schema_rule(wt_schema *s, json_t *schema, const char *at, const char *member, size_t *rule);
/* The types that a schema's values may have; without `type`, those that its other keywords speak of. */
wt_status wt_schema_types(wt_schema *s, json_t *schema, unsigned *types);
bool wt_schema_is_note(const char *keyword); /* says nothing about values */

/* schema_merge.c */
wt_status wt_schema_resolve(wt_schema *s, const char *ref, json_t **out);
wt_status wt_schema_merge(wt_schema *s, json_t *a, json_t *b, json_t **out);            /* what satisfies both */
wt_status wt_schema_disjoint(wt_schema *s, json_t *a, json_t *b, int depth, bool *yes); /* no value satisfies both */
/* schema_object.c */
wt_status wt_schema_object(wt_schema *s, json_t *schema, size_t rule, wt_buf *out);
wt_status wt_schema_array(wt_schema *s, json_t *schema, wt_buf *out);
void wt_schema_literal(wt_buf *out, const char *text, size_t len); /* GBNF: "text" */
wt_status wt_schema_value(wt_schema *s, json_t *value, wt_buf *out);
/* schema_number.c */
wt_status wt_schema_number(wt_schema *s, json_t *schema, bool integer, wt_buf *out);
/* schema_pattern.c: the characters of a JSON string (without quotes) that an ECMA 262 pattern accepts */
wt_status wt_schema_pattern(wt_schema *s, const char *pattern, wt_buf *out);
#endif
