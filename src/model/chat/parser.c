/* parser.c - tokens to a tree. A statement that our Jinja does not have is refused by name and line here; filters,
 * tests and functions when they are reached, as Jinja itself does in branches that are not taken. */
#include <stdarg.h>
#include <stdio.h>
#include "model/chat/jinja.h"

typedef struct parser {
    wt_template *t;
    const jj_token *tok;
    int depth;
    wt_err *err;
} parser;

wt_status jj_fail(const wt_template *t, int line, wt_status code, wt_err *err, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_fail(err, code, "%s", text);
    wt_err_where(err, "%s, line %d", t->name, line);
    return code;
}

/* --- small steps ---------------------------------------------------------------------------------------------------
 */
static wt_status node(parser *p, jj_type type, jj_node **out)
{
    *out = wt_arena_alloc(&p->t->arena, 1, sizeof **out, p->err);
    if (!*out)
        return WT_ENOMEM;
    (*out)->type = type;
    (*out)->line = p->tok->line;
    return WT_OK;
}

static wt_status add_kid(parser *p, jj_node *n, jj_node *kid)
{
    if (n->n_kids == n->cap_kids) {
        const size_t cap = n->cap_kids ? 2 * n->cap_kids : 4;
        jj_node **more = wt_arena_alloc(&p->t->arena, cap, sizeof *more, p->err);
        if (!more)
            return WT_ENOMEM;
        if (n->n_kids)
            memcpy(more, n->kids, n->n_kids * sizeof *more);
        n->kids = more;
        n->cap_kids = cap;
    }
    n->kids[n->n_kids++] = kid;
    return WT_OK;
}

static bool op_is(const parser *p, const char *op) { return p->tok->type == JT_OP && jj_is(p->tok->text, op); }
static bool name_is(const parser *p, const char *name) { return p->tok->type == JT_NAME && jj_is(p->tok->text, name); }
static bool take_op(parser *p, const char *op)
{
    const bool yes = op_is(p, op);
    p->tok += yes;
    return yes;
}
static bool take_name(parser *p, const char *name)
{
    const bool yes = name_is(p, name);
    p->tok += yes;
    return yes;
}

static wt_status expected(parser *p, const char *what)
{
    const jj_token *t = p->tok;
    const bool word = t->type == JT_NAME || t->type == JT_OP || t->type == JT_STRING;
    return jj_fail(p->t, t->line, WT_EFORMAT, p->err, "expected %s, there is %s%.*s%s", what, word ? "'" : "",
                   word ? (int)(t->text.len < 40 ? t->text.len : 40) : 3, word ? t->text.data : "end", word ? "'" : "");
}

static wt_status need_op(parser *p, const char *op) { return take_op(p, op) ? WT_OK : expected(p, op); }

static wt_status need_name(parser *p, wt_string *out)
{
    if (p->tok->type != JT_NAME)
        return expected(p, "a name");
    *out = p->tok++->text;
    return WT_OK;
}

static wt_status expression(parser *p, jj_node **out);
static wt_status unary(parser *p, jj_node **out);

/* --- primary expressions -------------------------------------------------------------------------------------------
 */
static wt_status list_until(parser *p, jj_node *n, const char *end)
{
    while (!take_op(p, end)) {
        jj_node *item;
        WT_TRY(expression(p, &item));
        WT_TRY(add_kid(p, n, item));
        if (!take_op(p, ","))
            return need_op(p, end);
    }
    return WT_OK;
}

static wt_status dict_literal(parser *p, jj_node *n)
{
    while (!take_op(p, "}")) {
        jj_node *key, *value;
        WT_TRY(expression(p, &key));
        WT_TRY(need_op(p, ":"));
        WT_TRY(expression(p, &value));
        WT_TRY(add_kid(p, n, key));
        WT_TRY(add_kid(p, n, value));
        if (!take_op(p, ","))
            return need_op(p, "}");
    }
    return WT_OK;
}

static wt_status parenthesis(parser *p, jj_node **out)
{
    jj_node *first, *tuple;
    WT_TRY(node(p, JJ_TUPLE_OF, &tuple));
    *out = tuple;
    if (take_op(p, ")"))
        return WT_OK;
    WT_TRY(expression(p, &first));
    if (take_op(p, ")")) {
        *out = first;
        return WT_OK;
    }
    WT_TRY(add_kid(p, tuple, first));
    WT_TRY(need_op(p, ","));
    return list_until(p, tuple, ")");
}

static wt_status constant(parser *p, jj_node **out, jj_value v)
{
    WT_TRY(node(p, JJ_CONST, out));
    (*out)->value = v;
    p->tok++;
    return WT_OK;
}

/* Neighbouring strings are one. */
static wt_status strings(parser *p, jj_node **out)
{
    size_t len = 0, at = 0;
    const jj_token *end = p->tok;
    for (; end->type == JT_STRING; end++)
        len += end->text.len;
    char *text = wt_arena_alloc(&p->t->arena, len + 1, 1, p->err);
    if (!text)
        return WT_ENOMEM;
    WT_TRY(node(p, JJ_CONST, out));
    for (; p->tok < end; p->tok++) {
        if (p->tok->text.len)
            memcpy(text + at, p->tok->text.data, p->tok->text.len);
        at += p->tok->text.len;
    }
    (*out)->value = jj_str(text, len);
    return WT_OK;
}

static wt_status named(parser *p, jj_node **out)
{
    static const struct {
        const char *name;
        int value; /* 0 false, 1 true, 2 none */
    } words[] = { { "true", 1 }, { "True", 1 }, { "false", 0 }, { "False", 0 }, { "none", 2 }, { "None", 2 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(words); i++)
        if (name_is(p, words[i].name))
            return constant(p, out, words[i].value == 2 ? jj_none() : jj_bool(words[i].value));
    WT_TRY(node(p, JJ_NAME, out));
    (*out)->str = p->tok++->text;
    return WT_OK;
}

static wt_status primary(parser *p, jj_node **out)
{
    switch (p->tok->type) {
    case JT_STRING: return strings(p, out);
    case JT_INT: return constant(p, out, jj_int(p->tok->i));
    case JT_FLOAT: return constant(p, out, jj_float(p->tok->f));
    case JT_NAME: return named(p, out);
    default: break;
    }
    if (take_op(p, "("))
        return parenthesis(p, out);
    if (op_is(p, "[")) {
        WT_TRY(node(p, JJ_LIST_OF, out));
        p->tok++;
        return list_until(p, *out, "]");
    }
    if (op_is(p, "{")) {
        WT_TRY(node(p, JJ_DICT_OF, out));
        p->tok++;
        return dict_literal(p, *out);
    }
    return expected(p, "an expression");
}

/* --- what follows an expression: .name [index] (call) |filter is test ----------------------------------------------
 */
static wt_status arguments(parser *p, jj_node *call)
{
    while (!take_op(p, ")")) {
        jj_node *arg;
        if (op_is(p, "*") || op_is(p, "**"))
            return jj_fail(p->t, p->tok->line, WT_EUNSUPPORTED, p->err, "spread arguments (*args) are not supported");
        if (p->tok->type == JT_NAME && p->tok[1].type == JT_OP && jj_is(p->tok[1].text, "=")) {
            WT_TRY(node(p, JJ_KEYWORD, &arg));
            arg->str = p->tok->text;
            p->tok += 2;
            WT_TRY(expression(p, &arg->a));
        } else {
            WT_TRY(expression(p, &arg));
        }
        WT_TRY(add_kid(p, call, arg));
        if (!take_op(p, ","))
            return need_op(p, ")");
    }
    return WT_OK;
}

static wt_status subscript(parser *p, jj_node **out)
{
    jj_node *n, *first = NULL;
    WT_TRY(node(p, JJ_ITEM, &n));
    n->a = *out;
    *out = n;
    if (!op_is(p, ":"))
        WT_TRY(expression(p, &first));
    n->b = first;
    if (take_op(p, "]"))
        return WT_OK;
    n->type = JJ_SLICE;
    WT_TRY(need_op(p, ":"));
    if (!op_is(p, "]") && !op_is(p, ":"))
        WT_TRY(expression(p, &n->c));
    if (take_op(p, ":") && !op_is(p, "]"))
        WT_TRY(expression(p, &n->d));
    return need_op(p, "]");
}

static wt_status filter(parser *p, jj_node **out)
{
    jj_node *n;
    WT_TRY(node(p, JJ_FILTER, &n));
    n->a = *out;
    *out = n;
    WT_TRY(need_name(p, &n->str));
    return take_op(p, "(") ? arguments(p, n) : WT_OK;
}

static bool may_begin_test_argument(const parser *p)
{
    static const char *const not_these[] = { "and", "or", "else", "is", "in", "not", "if" };
    for (size_t i = 0; i < WT_ARRAY_LEN(not_these); i++)
        if (name_is(p, not_these[i]))
            return false;
    return p->tok->type == JT_NAME || p->tok->type == JT_STRING || p->tok->type == JT_INT || p->tok->type == JT_FLOAT ||
           op_is(p, "[") || op_is(p, "{");
}

static wt_status postfix(parser *p, jj_node **out);

static wt_status test(parser *p, jj_node **out)
{
    jj_node *n, *arg;
    WT_TRY(node(p, JJ_TEST, &n));
    n->a = *out;
    *out = n;
    n->negated = take_name(p, "not");
    WT_TRY(need_name(p, &n->str));
    if (take_op(p, "("))
        return arguments(p, n);
    if (!may_begin_test_argument(p))
        return WT_OK;
    WT_TRY(primary(p, &arg));
    WT_TRY(postfix(p, &arg));
    return add_kid(p, n, arg);
}

static wt_status postfix(parser *p, jj_node **out)
{
    for (;;) {
        jj_node *n;
        if (take_op(p, ".")) {
            WT_TRY(node(p, JJ_ATTR, &n));
            n->a = *out;
            *out = n;
            if (p->tok->type == JT_INT) { /* x.0 is x[0] */
                n->type = JJ_ITEM;
                WT_TRY(constant(p, &n->b, jj_int(p->tok->i)));
            } else {
                WT_TRY(need_name(p, &n->str));
            }
        } else if (take_op(p, "[")) {
            WT_TRY(subscript(p, out));
        } else if (op_is(p, "(")) {
            WT_TRY(node(p, JJ_CALLING, &n));
            p->tok++;
            n->a = *out;
            *out = n;
            WT_TRY(arguments(p, n));
        } else {
            return WT_OK;
        }
    }
}

static wt_status filters_and_tests(parser *p, jj_node **out)
{
    for (;;) {
        jj_node *n;
        if (take_op(p, "|")) {
            WT_TRY(filter(p, out));
        } else if (take_name(p, "is")) {
            WT_TRY(test(p, out));
        } else if (op_is(p, "(")) {
            WT_TRY(node(p, JJ_CALLING, &n));
            p->tok++;
            n->a = *out;
            *out = n;
            WT_TRY(arguments(p, n));
        } else {
            return WT_OK;
        }
    }
}

/* --- operators, loosest last ---------------------------------------------------------------------------------------
 */
/* Filters and tests are behind the sign: -2 | abs is 2. */
static wt_status signed_primary(parser *p, jj_node **out)
{
    jj_node *n;
    if (++p->depth > JJ_MAX_DEPTH)
        return jj_fail(p->t, p->tok->line, WT_EFORMAT, p->err, "expressions are nested more than %d deep",
                       JJ_MAX_DEPTH);
    if (op_is(p, "-") || op_is(p, "+")) {
        WT_TRY(node(p, JJ_UNARY, &n));
        n->op = p->tok++->text.data[0];
        WT_TRY(signed_primary(p, &n->a));
        *out = n;
    } else {
        WT_TRY(primary(p, out));
    }
    p->depth--;
    return postfix(p, out);
}

static wt_status unary(parser *p, jj_node **out)
{
    WT_TRY(signed_primary(p, out));
    return filters_and_tests(p, out);
}

static wt_status power(parser *p, jj_node **out)
{
    WT_TRY(unary(p, out));
    while (op_is(p, "**")) {
        jj_node *n;
        WT_TRY(node(p, JJ_BINARY, &n));
        p->tok++;
        n->op = 'p';
        n->a = *out;
        WT_TRY(unary(p, &n->b));
        *out = n;
    }
    return WT_OK;
}

static wt_status left_to_right(parser *p, jj_node **out, const char *const *ops, const char *codes,
                               wt_status (*tighter)(parser *, jj_node **))
{
    WT_TRY(tighter(p, out));
    for (size_t i = 0; ops[i];) {
        if (!op_is(p, ops[i])) {
            i++;
            continue;
        }
        jj_node *n;
        WT_TRY(node(p, JJ_BINARY, &n));
        p->tok++;
        n->op = codes[i];
        n->a = *out;
        WT_TRY(tighter(p, &n->b));
        *out = n;
        i = 0;
    }
    return WT_OK;
}

static wt_status product(parser *p, jj_node **out)
{
    static const char *const ops[] = { "*", "//", "/", "%", NULL };
    return left_to_right(p, out, ops, "*i/%", power);
}
static wt_status concat(parser *p, jj_node **out)
{
    static const char *const ops[] = { "~", NULL };
    return left_to_right(p, out, ops, "~", product);
}
static wt_status sum(parser *p, jj_node **out)
{
    static const char *const ops[] = { "+", "-", NULL };
    return left_to_right(p, out, ops, "+-", concat);
}

/* a < b <= c is one node with two parts. Codes: = ! < l > g i (in) n (not in) */
static wt_status comparison(parser *p, jj_node **out)
{
    static const char *const ops[] = { "==", "!=", "<=", ">=", "<", ">" };
    jj_node *all = NULL, *part;
    WT_TRY(sum(p, out));
    for (;;) {
        int op = 0;
        for (size_t i = 0; i < WT_ARRAY_LEN(ops) && !op; i++)
            if (take_op(p, ops[i]))
                op = "=!lg<>"[i];
        if (!op && take_name(p, "in"))
            op = 'i';
        if (!op && name_is(p, "not") && p->tok[1].type == JT_NAME && jj_is(p->tok[1].text, "in")) {
            p->tok += 2;
            op = 'n';
        }
        if (!op)
            return WT_OK;
        if (!all) {
            WT_TRY(node(p, JJ_COMPARE, &all));
            all->a = *out;
            *out = all;
        }
        WT_TRY(node(p, JJ_KEYWORD, &part));
        part->op = op;
        WT_TRY(sum(p, &part->a));
        WT_TRY(add_kid(p, all, part));
    }
}

static wt_status negation(parser *p, jj_node **out)
{
    jj_node *n;
    if (!name_is(p, "not"))
        return comparison(p, out);
    WT_TRY(node(p, JJ_UNARY, &n));
    p->tok++;
    n->op = '!';
    if (++p->depth > JJ_MAX_DEPTH)
        return jj_fail(p->t, n->line, WT_EFORMAT, p->err, "expressions are nested more than %d deep", JJ_MAX_DEPTH);
    WT_TRY(negation(p, &n->a));
    p->depth--;
    *out = n;
    return WT_OK;
}

static wt_status logical(parser *p, jj_node **out, const char *word, jj_type type,
                         wt_status (*tighter)(parser *, jj_node **))
{
    WT_TRY(tighter(p, out));
    while (name_is(p, word)) {
        jj_node *n;
        WT_TRY(node(p, type, &n));
        p->tok++;
        n->a = *out;
        WT_TRY(tighter(p, &n->b));
        *out = n;
    }
    return WT_OK;
}
static wt_status conjunction(parser *p, jj_node **out) { return logical(p, out, "and", JJ_AND, negation); }
static wt_status disjunction(parser *p, jj_node **out) { return logical(p, out, "or", JJ_OR, conjunction); }

static wt_status expression(parser *p, jj_node **out)
{
    if (++p->depth > JJ_MAX_DEPTH)
        return jj_fail(p->t, p->tok->line, WT_EFORMAT, p->err, "expressions are nested more than %d deep",
                       JJ_MAX_DEPTH);
    WT_TRY(disjunction(p, out));
    while (name_is(p, "if")) {
        jj_node *n;
        WT_TRY(node(p, JJ_TERNARY, &n));
        p->tok++;
        n->a = *out;
        WT_TRY(disjunction(p, &n->b));
        if (take_name(p, "else"))
            WT_TRY(expression(p, &n->c));
        *out = n;
    }
    p->depth--;
    return WT_OK;
}

/* An expression, or several with commas between: a tuple. */
static wt_status tuple(parser *p, jj_node **out)
{
    jj_node *all, *item;
    WT_TRY(expression(p, out));
    if (!op_is(p, ","))
        return WT_OK;
    WT_TRY(node(p, JJ_TUPLE_OF, &all));
    WT_TRY(add_kid(p, all, *out));
    while (take_op(p, ",") && p->tok->type != JT_BLOCK_END && p->tok->type != JT_VAR_END) {
        WT_TRY(expression(p, &item));
        WT_TRY(add_kid(p, all, item));
    }
    *out = all;
    return WT_OK;
}

/* --- statements ----------------------------------------------------------------------------------------------------
 */
static wt_status statements(parser *p, jj_node **first, const char *const *ends);

static wt_status block_end(parser *p)
{
    if (p->tok->type != JT_BLOCK_END)
        return expected(p, "%}");
    p->tok++;
    return WT_OK;
}

/* Body up to {% word %}, which is taken with everything in it. */
static wt_status body_until(parser *p, jj_node **first, const char *word)
{
    const char *ends[] = { word, NULL };
    WT_TRY(statements(p, first, ends));
    if (!take_name(p, word))
        return expected(p, word);
    if (p->tok->type == JT_NAME) /* endblock NAME, endmacro NAME */
        p->tok++;
    return block_end(p);
}

static wt_status if_statement(parser *p, jj_node *n)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    WT_TRY(tuple(p, &n->a));
    WT_TRY(block_end(p));
    WT_TRY(statements(p, &n->body, ends));
    if (name_is(p, "elif")) {
        WT_TRY(node(p, JJ_IF, &n->other));
        p->tok++;
        return if_statement(p, n->other);
    }
    if (take_name(p, "else")) {
        WT_TRY(block_end(p));
        return body_until(p, &n->other, "endif");
    }
    if (!take_name(p, "endif"))
        return expected(p, "endif");
    return block_end(p);
}

static wt_status targets(parser *p, jj_node *n)
{
    const bool bracket = take_op(p, "(");
    do {
        jj_node *t;
        WT_TRY(node(p, JJ_NAME, &t));
        WT_TRY(need_name(p, &t->str));
        if (take_op(p, ".")) {
            jj_node *base = t;
            WT_TRY(node(p, JJ_ATTR, &t));
            t->a = base;
            WT_TRY(need_name(p, &t->str));
        }
        WT_TRY(add_kid(p, n, t));
    } while (take_op(p, ","));
    return bracket ? need_op(p, ")") : WT_OK;
}

static wt_status for_statement(parser *p, jj_node *n)
{
    static const char *const ends[] = { "else", "endfor", NULL };
    WT_TRY(targets(p, n));
    if (!take_name(p, "in"))
        return expected(p, "in");
    WT_TRY(disjunction(p, &n->a)); /* no ternary: its `if` is the filter of the loop */
    if (op_is(p, ",")) {
        jj_node *all, *item;
        WT_TRY(node(p, JJ_TUPLE_OF, &all));
        WT_TRY(add_kid(p, all, n->a));
        while (take_op(p, ",")) {
            WT_TRY(disjunction(p, &item));
            WT_TRY(add_kid(p, all, item));
        }
        n->a = all;
    }
    if (take_name(p, "if"))
        WT_TRY(expression(p, &n->b));
    if (name_is(p, "recursive"))
        return jj_fail(p->t, n->line, WT_EUNSUPPORTED, p->err, "recursive loops are not supported");
    WT_TRY(block_end(p));
    WT_TRY(statements(p, &n->body, ends));
    if (take_name(p, "else")) {
        WT_TRY(block_end(p));
        return body_until(p, &n->other, "endfor");
    }
    if (!take_name(p, "endfor"))
        return expected(p, "endfor");
    return block_end(p);
}

static wt_status set_statement(parser *p, jj_node *n)
{
    WT_TRY(targets(p, n));
    if (take_op(p, "=")) {
        WT_TRY(tuple(p, &n->a));
        return block_end(p);
    }
    n->type = JJ_SET_BLOCK;
    while (take_op(p, "|")) { /* filters hang on n->a, whose innermost operand is the text */
        if (!n->a)
            WT_TRY(node(p, JJ_CONST, &n->a));
        WT_TRY(filter(p, &n->a));
    }
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endset");
}

static wt_status macro_statement(parser *p, jj_node *n)
{
    WT_TRY(need_name(p, &n->str));
    WT_TRY(need_op(p, "("));
    WT_TRY(arguments(p, n));
    for (size_t i = 0; i < n->n_kids; i++)
        if (n->kids[i]->type != JJ_NAME && n->kids[i]->type != JJ_KEYWORD)
            return jj_fail(p->t, n->line, WT_EFORMAT, p->err, "parameters of a macro must be names");
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endmacro");
}

static wt_status call_statement(parser *p, jj_node *n)
{
    if (take_op(p, "("))
        WT_TRY(arguments(p, n));
    WT_TRY(expression(p, &n->a));
    if (n->a->type != JJ_CALLING)
        return jj_fail(p->t, n->line, WT_EFORMAT, p->err, "'call' must call a macro");
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endcall");
}

static wt_status filter_statement(parser *p, jj_node *n)
{
    WT_TRY(node(p, JJ_CONST, &n->a));
    do
        WT_TRY(filter(p, &n->a));
    while (take_op(p, "|"));
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endfilter");
}

static wt_status tag(parser *p, jj_node **out)
{
    static const struct {
        const char *name;
        jj_type type;
        wt_status (*parse)(parser *, jj_node *);
    } known[] = { { "if", JJ_IF, if_statement },
                  { "for", JJ_FOR, for_statement },
                  { "set", JJ_SET, set_statement },
                  { "macro", JJ_MACRO, macro_statement },
                  { "call", JJ_CALL_BLOCK, call_statement },
                  { "filter", JJ_FILTER_BLOCK, filter_statement } };
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (name_is(p, known[i].name)) {
            WT_TRY(node(p, known[i].type, out));
            p->tok++;
            return known[i].parse(p, *out);
        }
    if (name_is(p, "break") || name_is(p, "continue")) {
        WT_TRY(node(p, name_is(p, "break") ? JJ_BREAK : JJ_CONTINUE, out));
        p->tok++;
        return block_end(p);
    }
    if (name_is(p, "generation")) { /* marks the assistant's words for training; here it is only its body */
        WT_TRY(node(p, JJ_BLOCK, out));
        p->tok++;
        WT_TRY(block_end(p));
        return body_until(p, &(*out)->body, "endgeneration");
    }
    if (p->tok->type != JT_NAME)
        return expected(p, "a statement");
    return jj_fail(p->t, p->tok->line, WT_EUNSUPPORTED, p->err, "the statement '%.*s' is not supported",
                   (int)p->tok->text.len, p->tok->text.data);
}

static bool ends_here(const parser *p, const char *const *ends)
{
    for (size_t i = 0; ends && ends[i]; i++)
        if (name_is(p, ends[i]))
            return true;
    return false;
}

static wt_status statement(parser *p, jj_node **out)
{
    if (p->tok->type == JT_DATA) {
        WT_TRY(node(p, JJ_TEXT, out));
        (*out)->str = p->tok++->text;
        return WT_OK;
    }
    WT_TRY(node(p, JJ_PRINT, out));
    p->tok++;
    WT_TRY(tuple(p, &(*out)->a));
    if (p->tok->type != JT_VAR_END)
        return expected(p, "}}");
    p->tok++;
    return WT_OK;
}

/* Stops in front of the word of one of `ends`, or at the end of the template. */
static wt_status statements(parser *p, jj_node **first, const char *const *ends)
{
    if (++p->depth > JJ_MAX_DEPTH)
        return jj_fail(p->t, p->tok->line, WT_EFORMAT, p->err, "statements are nested more than %d deep", JJ_MAX_DEPTH);
    while (p->tok->type != JT_END) {
        if (p->tok->type == JT_BLOCK_BEGIN) {
            p->tok++;
            if (ends_here(p, ends)) {
                p->depth--;
                return WT_OK;
            }
            WT_TRY(tag(p, first));
        } else {
            WT_TRY(statement(p, first));
        }
        first = &(*first)->next;
    }
    p->depth--;
    size_t last = 0; /* what closes the statement stands last */
    while (ends && ends[last] && ends[last + 1])
        last++;
    return ends ? expected(p, ends[last]) : WT_OK;
}

wt_status jj_parse(wt_template *t, const jj_token *tokens, size_t n, wt_err *err)
{
    parser p = { .t = t, .tok = tokens, .err = err };
    (void)n;
    return statements(&p, &t->root, NULL);
}
