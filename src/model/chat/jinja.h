/* jinja.h - inside chat templates: source -> tokens -> tree -> text.
 *
 * Values live in the arena of one rendering and are never freed one by one; a count of steps and a limit of bytes end a
 * template that would not. Semantics are those of Jinja 3 as the field's tools set it up: trim_blocks and lstrip_blocks
 * on, an immutable sandbox, loop controls, `raise_exception`, `strftime_now`, and json.dumps behind `tojson`. */
#ifndef WT_JINJA_H
#define WT_JINJA_H
#include <jansson.h>
#include "base/str.h"
#include "whet/chat.h"
#include "whet/tensor.h" /* wt_string */

/* --- values --------------------------------------------------------------------------------------------------------
 */
typedef enum jj_kind {
    JJ_UNDEFINED,
    JJ_NONE,
    JJ_BOOL,
    JJ_INT,
    JJ_FLOAT,
    JJ_STRING,
    JJ_LIST, /* tuples too */
    JJ_DICT, /* namespaces too */
    JJ_CALL  /* macro, builtin function, or method bound to a value */
} jj_kind;

typedef struct jj_value jj_value;
typedef struct jj_list {
    jj_value *items;
    size_t n, cap;
    bool tuple;
} jj_list;
typedef struct jj_pair jj_pair;
typedef struct jj_dict {
    jj_pair *pairs; /* in order of insertion */
    size_t n, cap;
    bool is_namespace;
} jj_dict;
struct jj_node;
typedef struct jj_render jj_render;
typedef struct jj_args jj_args;
typedef wt_status jj_fn(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args);
typedef struct jj_callable {
    const char *name;
    jj_fn *fn;                    /* builtin */
    const struct jj_node *macro;  /* or a macro */
    const struct jj_node *caller; /* a `call` block's body */
} jj_callable;

struct jj_value {
    jj_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        wt_string s;
        jj_list *list;
        jj_dict *dict;
        const jj_callable *call;
        const char *name; /* of what is undefined */
    } v;
    const jj_value *self; /* of a bound method */
    bool markup;          /* a string that went through `safe` */
};
struct jj_pair {
    jj_value key, value;
};
struct jj_args {
    jj_value *pos;
    size_t n_pos;
    jj_pair *named;
    size_t n_named;
};

/* --- tree ----------------------------------------------------------------------------------------------------------
 */
typedef enum jj_type {
    /* statements */
    JJ_TEXT,
    JJ_PRINT,
    JJ_IF,
    JJ_FOR,
    JJ_SET,
    JJ_SET_BLOCK,
    JJ_MACRO,
    JJ_CALL_BLOCK,
    JJ_FILTER_BLOCK,
    JJ_BLOCK,
    JJ_BREAK,
    JJ_CONTINUE,
    /* expressions */
    JJ_CONST,
    JJ_NAME,
    JJ_ATTR,
    JJ_ITEM,
    JJ_SLICE,
    JJ_CALLING,
    JJ_FILTER,
    JJ_TEST,
    JJ_UNARY,
    JJ_BINARY,
    JJ_COMPARE,
    JJ_AND,
    JJ_OR,
    JJ_TERNARY,
    JJ_LIST_OF,
    JJ_TUPLE_OF,
    JJ_DICT_OF,
    JJ_KEYWORD
} jj_type;

/* One node for all: which fields mean something follows from the type.
 *   text: str | print: a | if: a, body, other | for: kids = targets, a = what, b = condition, body, other
 *   set: kids = targets (names or attributes), a | set block: a = name, body, kids = filters
 *   macro: str, kids = parameters (JJ_KEYWORD with a = default, or JJ_NAME), body | call block: a = call, kids, body
 *   const: value | name: str | attr: a.str | item: a[b] | slice: a[b:c:d] | calling: a(kids) | filter, test: a, str,
 * kids unary, binary: op | compare: a, kids of JJ_KEYWORD (op, a) | keyword: str, a | dict: kids in pairs */
typedef struct jj_node {
    jj_type type;
    int line, op;
    bool negated;
    wt_string str;
    jj_value value;
    struct jj_node *a, *b, *c, *d;
    struct jj_node **kids;
    size_t n_kids, cap_kids;
    struct jj_node *body, *other; /* first statement */
    struct jj_node *next;         /* statement behind this one */
} jj_node;

/* --- tokens --------------------------------------------------------------------------------------------------------
 */
typedef enum jj_token_type {
    JT_END,
    JT_DATA,
    JT_BLOCK_BEGIN,
    JT_BLOCK_END,
    JT_VAR_BEGIN,
    JT_VAR_END,
    JT_NAME,
    JT_STRING,
    JT_INT,
    JT_FLOAT,
    JT_OP
} jj_token_type;
typedef struct jj_token {
    jj_token_type type;
    int line;
    wt_string text; /* decoded, of strings */
    int64_t i;
    double f;
} jj_token;

struct wt_template {
    wt_context *ctx;
    wt_arena arena;
    char *source, *name;
    size_t len;
    jj_node *root;
};

wt_status jj_lex(wt_template *t, jj_token **out, size_t *n, wt_err *err);
wt_status jj_parse(wt_template *t, const jj_token *tokens, size_t n, wt_err *err);
wt_status jj_fail(const wt_template *t, int line, wt_status code, wt_err *err, const char *fmt, ...) WT_PRINTF(5, 6);
bool jj_is(wt_string s, const char *text);

/* --- rendering -----------------------------------------------------------------------------------------------------
 */
typedef struct jj_scope {
    jj_dict vars;
    struct jj_scope *outer;
} jj_scope;
typedef enum jj_flow { JJ_GO, JJ_BROKEN, JJ_CONTINUED } jj_flow;
struct jj_render {
    const wt_template *t;
    wt_arena arena;
    wt_buf *out;
    jj_scope *scope, *globals;
    jj_flow flow;
    uint64_t steps;
    int depth, eval_depth, line;
    wt_err *err;
};
enum { JJ_MAX_STEPS = 5000000, JJ_MAX_BYTES = 64 << 20, JJ_MAX_DEPTH = 200, JJ_MAX_EVAL = 1000 };

wt_status jj_refuse(jj_render *r, wt_status code, const char *fmt, ...) WT_PRINTF(3, 4);
wt_status jj_statements(jj_render *r, const jj_node *first);
wt_status jj_eval(jj_render *r, const jj_node *n, jj_value *out);
wt_status jj_call(jj_render *r, const jj_value *fn, const jj_args *args, jj_value *out, int line);
wt_status jj_call_macro(jj_render *r, const jj_callable *macro, const jj_args *args, jj_value *out);

/* values.c */
jj_value jj_undefined(const char *name);
jj_value jj_none(void);
jj_value jj_bool(bool b);
jj_value jj_int(int64_t i);
jj_value jj_float(double f);
jj_value jj_str(const char *s, size_t n);
wt_status jj_copy(jj_render *r, const char *s, size_t n, jj_value *out); /* a string in the arena */
/* Ends a text that was built: its bytes become *out when st is WT_OK and memory was enough; the buffer is freed. */
wt_status jj_finish(jj_render *r, wt_status st, wt_buf *text, jj_value *out);
size_t jj_find(wt_string in, wt_string what, size_t from); /* SIZE_MAX: it is not there */
wt_status jj_new_list(jj_render *r, jj_value *out);
wt_status jj_new_dict(jj_render *r, jj_value *out);
wt_status jj_push(jj_render *r, jj_list *list, const jj_value *v);
wt_status jj_put(jj_render *r, jj_dict *dict, const jj_value *key, const jj_value *v);
const jj_value *jj_get(const jj_dict *dict, const jj_value *key);
const jj_value *jj_get_name(const jj_dict *dict, wt_string name);
bool jj_true(const jj_value *v);
bool jj_equal(const jj_value *a, const jj_value *b);
wt_status jj_order(jj_render *r, const jj_value *a, const jj_value *b, int *order);
wt_status jj_text(jj_render *r, const jj_value *v, wt_buf *out); /* Python's str() */
wt_status jj_repr(jj_render *r, const jj_value *v, wt_buf *out, int depth);
typedef struct jj_json_style {
    int indent; /* -1: one line */
    bool ascii;
} jj_json_style;
wt_status jj_json(jj_render *r, const jj_value *v, const jj_json_style *style, wt_buf *out, int depth); /* json.dumps */
wt_status jj_from_json(jj_render *r, json_t *json, jj_value *out, int depth);
wt_status jj_iterate(jj_render *r, const jj_value *v, jj_list **out); /* items of a list, keys of a dict, characters */
const char *jj_kind_name(const jj_value *v);
size_t jj_chars(wt_string s);                 /* characters of UTF-8 */
size_t jj_char_at(wt_string s, size_t index); /* byte offset of a character */

/* filters.c, tests.c, methods.c: by name; false: there is none */
wt_status jj_filter(jj_render *r, wt_string name, const jj_value *in, const jj_args *args, jj_value *out);
wt_status jj_test(jj_render *r, wt_string name, const jj_value *in, const jj_args *args, bool *out);
wt_status jj_contains(jj_render *r, const jj_value *what, const jj_value *in, bool *out); /* what in in */
bool jj_has_filter(wt_string name);
const jj_callable *jj_method(const jj_value *self, wt_string name); /* NULL: none */
wt_status jj_globals(jj_render *r);
/* Argument `index` or by name; NULL: not given. */
const jj_value *jj_arg(const jj_args *args, size_t index, const char *name);
#endif
