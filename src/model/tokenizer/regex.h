/* regex.h - the regular expressions that tokenizers cut text with.
 *
 * Oniguruma's meaning over the characters of UTF-8 text: alternation that prefers the left, groups, greedy, lazy and
 * possessive repetition, classes with categories, unions and intersections, look-ahead and look-behind (of one width),
 * atomic groups, anchors, (?i:...) for ASCII. Captures and back-references cut nothing, so they have no meaning here.
 * A compiled expression is immutable; a search keeps its choices in a stack of the caller, never on the machine's. */
#ifndef WT_REGEX_H
#define WT_REGEX_H
#include "base/base.h"

typedef struct wt_regex wt_regex;
/* Lives in the arena. WT_EUNSUPPORTED or WT_EFORMAT names the place in the pattern. */
wt_status wt_regex_compile(const wt_regex **out, wt_arena *arena, const char *pattern, size_t len, wt_err *err);

typedef struct wt_regex_choice {
    size_t at, floor;
    uint32_t pc, left;
} wt_regex_choice;
typedef struct wt_regex_stack {
    wt_context *ctx;
    wt_regex_choice *choices;
    size_t n, cap;
    uint64_t steps; /* choices that were taken back, of one search */
} wt_regex_stack;
void wt_regex_stack_free(wt_regex_stack *stack);

/* The first match that begins at or behind `from`; *start is SIZE_MAX when there is none. Text before `from` is seen by
 * look-behind. WT_ELIMIT: the pattern needs more steps on this text than any sound one would. */
wt_status wt_regex_find(const wt_regex *regex, wt_regex_stack *stack, const char *text, size_t len, size_t from,
                        size_t *start, size_t *end, wt_err *err);
#endif
