/* regex_parse.h - the tree between the text of a pattern and its code. */
#ifndef WT_REGEX_PARSE_H
#define WT_REGEX_PARSE_H
#include "model/tokenizer/regex_impl.h"

typedef enum rx_kind { RX_N_EMPTY, RX_N_SET, RX_N_CAT, RX_N_ALT, RX_N_REP, RX_N_LOOK, RX_N_ANCHOR } rx_kind;
typedef struct rx_node {
    rx_kind kind;
    rx_op op;     /* LOOK: AHEAD, BEHIND, ATOMIC; ANCHOR: which; REP: LOOP, LAZY, EAGER */
    bool negated; /* LOOK, ANCHOR */
    uint32_t min, max;
    const rx_set *set;
    struct rx_node *child, *next; /* children are a list through `next` */
} rx_node;

typedef struct rx_parser {
    wt_arena *arena;
    const char *text;
    size_t len, at;
    unsigned depth;
    bool fold; /* inside (?i) */
    wt_err *err;
} rx_parser;

enum { RX_DEPTH = 40, RX_FOREVER = UINT32_MAX, RX_COUNT = 1000 };
wt_status rx_refuse(const rx_parser *p, wt_status code, const char *what);
wt_status rx_parse(rx_node **out, rx_parser *p);
/* regex_set.c: "[...]" behind its bracket; "\x" behind its backslash (NULL set: it is no set, at is unchanged). */
wt_status rx_parse_class(const rx_set **out, rx_parser *p);
wt_status rx_parse_escape(const rx_set **out, rx_parser *p);
wt_status rx_set_of_code(const rx_set **out, rx_parser *p, uint32_t code);
wt_status rx_set_any(const rx_set **out, rx_parser *p);
wt_status rx_set_both(const rx_set **out, rx_parser *p, const rx_set *a, const rx_set *b);
#endif
