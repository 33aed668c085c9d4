/* parse_expression.c - tokens to the tree of an expression, and the steps that statements take, too. */
#include "model/chat/parser.h"

/* --- small steps ---------------------------------------------------------------------------------------------------
 */
wt_status jj_p_node(parser *p, jj_type type, jj_node **out)
{
    *out = wt_arena_alloc(&p->t->arena, 1, sizeof **out, p->err);
    if (!*out)
        return WT_ENOMEM;
    (*out)->type = type;
    (*out)->line = p->tok->line;
    return WT_OK;
}

wt_status jj_p_add_kid(parser *p, jj_node *n, jj_node *kid)
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

bool jj_p_op_is(const parser *p, const char *op) { return p->tok->type == JT_OP && jj_is(p->tok->text, op); }
bool jj_p_name_is(const parser *p, const char *name) { return p->tok->type == JT_NAME && jj_is(p->tok->text, name); }
bool jj_p_take_op(parser *p, const char *op)
{
    const bool yes = jj_p_op_is(p, op);
    p->tok += yes;
    return yes;
}
bool jj_p_take_name(parser *p, const char *name)
{
    const bool yes = jj_p_name_is(p, name);
    p->tok += yes;
    return yes;
}

wt_status jj_p_expected(parser *p, const char *what)
{
    const jj_token *t = p->tok;
    const bool word = t->type == JT_NAME || t->type == JT_OP || t->type == JT_STRING;
    return jj_fail(p->t, t->line, WT_EFORMAT, p->err, "expected %s, there is %s%.*s%s", what, word ? "'" : "",
                   word ? (int)(t->text.len < 40 ? t->text.len : 40) : 3, word ? t->text.data : "end", word ? "'" : "");
}

wt_status jj_p_need_op(parser *p, const char *op) { return jj_p_take_op(p, op) ? WT_OK : jj_p_expected(p, op); }

wt_status jj_p_need_name(parser *p, wt_string *out)
{
    if (p->tok->type != JT_NAME)
        return jj_p_expected(p, "a name");
    *out = p->tok++->text;
    return WT_OK;
}

static wt_status unary(parser *p, jj_node **out);

/* --- primary expressions -------------------------------------------------------------------------------------------
 */
static wt_status list_until(parser *p, jj_node *n, const char *end)
{
    while (!jj_p_take_op(p, end)) {
        jj_node *item;
        WT_TRY(jj_p_expression(p, &item));
        WT_TRY(jj_p_add_kid(p, n, item));
        if (!jj_p_take_op(p, ","))
            return jj_p_need_op(p, end);
    }
    return WT_OK;
}

static wt_status dict_literal(parser *p, jj_node *n)
{
    while (!jj_p_take_op(p, "}")) {
        jj_node *key, *value;
        WT_TRY(jj_p_expression(p, &key));
        WT_TRY(jj_p_need_op(p, ":"));
        WT_TRY(jj_p_expression(p, &value));
        WT_TRY(jj_p_add_kid(p, n, key));
        WT_TRY(jj_p_add_kid(p, n, value));
        if (!jj_p_take_op(p, ","))
            return jj_p_need_op(p, "}");
    }
    return WT_OK;
}

static wt_status parenthesis(parser *p, jj_node **out)
{
    jj_node *first, *tuple;
    WT_TRY(jj_p_node(p, JJ_TUPLE_OF, &tuple));
    *out = tuple;
    if (jj_p_take_op(p, ")"))
        return WT_OK;
    WT_TRY(jj_p_expression(p, &first));
    if (jj_p_take_op(p, ")")) {
        *out = first;
        return WT_OK;
    }
    WT_TRY(jj_p_add_kid(p, tuple, first));
    WT_TRY(jj_p_need_op(p, ","));
    return list_until(p, tuple, ")");
}

static wt_status constant(parser *p, jj_node **out, jj_value v)
{
    WT_TRY(jj_p_node(p, JJ_CONST, out));
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
    WT_TRY(jj_p_node(p, JJ_CONST, out));
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
        if (jj_p_name_is(p, words[i].name))
            return constant(p, out, words[i].value == 2 ? jj_none() : jj_bool(words[i].value));
    WT_TRY(jj_p_node(p, JJ_NAME, out));
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
    if (jj_p_take_op(p, "("))
        return parenthesis(p, out);
    if (jj_p_op_is(p, "[")) {
        WT_TRY(jj_p_node(p, JJ_LIST_OF, out));
        p->tok++;
        return list_until(p, *out, "]");
    }
    if (jj_p_op_is(p, "{")) {
        WT_TRY(jj_p_node(p, JJ_DICT_OF, out));
        p->tok++;
        return dict_literal(p, *out);
    }
    return jj_p_expected(p, "an expression");
}

/* --- what follows an expression: .name [index] (call) |filter is test ----------------------------------------------
 */
wt_status jj_p_arguments(parser *p, jj_node *call)
{
    while (!jj_p_take_op(p, ")")) {
        jj_node *arg;
        if (jj_p_op_is(p, "*") || jj_p_op_is(p, "**"))
            return jj_fail(p->t, p->tok->line, WT_EUNSUPPORTED, p->err, "spread arguments (*args) are not supported");
        if (p->tok->type == JT_NAME && p->tok[1].type == JT_OP && jj_is(p->tok[1].text, "=")) {
            WT_TRY(jj_p_node(p, JJ_KEYWORD, &arg));
            arg->str = p->tok->text;
            p->tok += 2;
            WT_TRY(jj_p_expression(p, &arg->a));
        } else {
            WT_TRY(jj_p_expression(p, &arg));
        }
        WT_TRY(jj_p_add_kid(p, call, arg));
        if (!jj_p_take_op(p, ","))
            return jj_p_need_op(p, ")");
    }
    return WT_OK;
}

static wt_status subscript(parser *p, jj_node **out)
{
    jj_node *n, *first = NULL;
    WT_TRY(jj_p_node(p, JJ_ITEM, &n));
    n->a = *out;
    *out = n;
    if (!jj_p_op_is(p, ":"))
        WT_TRY(jj_p_expression(p, &first));
    n->b = first;
    if (jj_p_take_op(p, "]"))
        return WT_OK;
    n->type = JJ_SLICE;
    WT_TRY(jj_p_need_op(p, ":"));
    if (!jj_p_op_is(p, "]") && !jj_p_op_is(p, ":"))
        WT_TRY(jj_p_expression(p, &n->c));
    if (jj_p_take_op(p, ":") && !jj_p_op_is(p, "]"))
        WT_TRY(jj_p_expression(p, &n->d));
    return jj_p_need_op(p, "]");
}

wt_status jj_p_filter(parser *p, jj_node **out)
{
    jj_node *n;
    WT_TRY(jj_p_node(p, JJ_FILTER, &n));
    n->a = *out;
    *out = n;
    WT_TRY(jj_p_need_name(p, &n->str));
    return jj_p_take_op(p, "(") ? jj_p_arguments(p, n) : WT_OK;
}

static bool may_begin_test_argument(const parser *p)
{
    static const char *const not_these[] = { "and", "or", "else", "is", "in", "not", "if" };
    for (size_t i = 0; i < WT_ARRAY_LEN(not_these); i++)
        if (jj_p_name_is(p, not_these[i]))
            return false;
    return p->tok->type == JT_NAME || p->tok->type == JT_STRING || p->tok->type == JT_INT || p->tok->type == JT_FLOAT ||
           jj_p_op_is(p, "[") || jj_p_op_is(p, "{");
}

static wt_status postfix(parser *p, jj_node **out);

static wt_status test(parser *p, jj_node **out)
{
    jj_node *n, *arg;
    WT_TRY(jj_p_node(p, JJ_TEST, &n));
    n->a = *out;
    *out = n;
    n->negated = jj_p_take_name(p, "not");
    WT_TRY(jj_p_need_name(p, &n->str));
    if (jj_p_take_op(p, "("))
        return jj_p_arguments(p, n);
    if (!may_begin_test_argument(p))
        return WT_OK;
    WT_TRY(primary(p, &arg));
    WT_TRY(postfix(p, &arg));
    return jj_p_add_kid(p, n, arg);
}

/* What stands in front is called. */
static wt_status call(parser *p, jj_node **out)
{
    jj_node *n;
    WT_TRY(jj_p_node(p, JJ_CALLING, &n));
    p->tok++;
    n->a = *out;
    *out = n;
    return jj_p_arguments(p, n);
}

static wt_status postfix(parser *p, jj_node **out)
{
    for (;;) {
        jj_node *n;
        if (jj_p_take_op(p, ".")) {
            WT_TRY(jj_p_node(p, JJ_ATTR, &n));
            n->a = *out;
            *out = n;
            if (p->tok->type == JT_INT) { /* x.0 is x[0] */
                n->type = JJ_ITEM;
                WT_TRY(constant(p, &n->b, jj_int(p->tok->i)));
            } else {
                WT_TRY(jj_p_need_name(p, &n->str));
            }
        } else if (jj_p_take_op(p, "[")) {
            WT_TRY(subscript(p, out));
        } else if (jj_p_op_is(p, "(")) {
            WT_TRY(call(p, out));
        } else {
            return WT_OK;
        }
    }
}

static wt_status filters_and_tests(parser *p, jj_node **out)
{
    for (;;) {
        if (jj_p_take_op(p, "|")) {
            WT_TRY(jj_p_filter(p, out));
        } else if (jj_p_take_name(p, "is")) {
            WT_TRY(test(p, out));
        } else if (jj_p_op_is(p, "(")) {
            WT_TRY(call(p, out));
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
    if (jj_p_op_is(p, "-") || jj_p_op_is(p, "+")) {
        WT_TRY(jj_p_node(p, JJ_UNARY, &n));
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
    while (jj_p_op_is(p, "**")) {
        jj_node *n;
        WT_TRY(jj_p_node(p, JJ_BINARY, &n));
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
        if (!jj_p_op_is(p, ops[i])) {
            i++;
            continue;
        }
        jj_node *n;
        WT_TRY(jj_p_node(p, JJ_BINARY, &n));
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
            if (jj_p_take_op(p, ops[i]))
                op = "=!lg<>"[i];
        if (!op && jj_p_take_name(p, "in"))
            op = 'i';
        if (!op && jj_p_name_is(p, "not") && p->tok[1].type == JT_NAME && jj_is(p->tok[1].text, "in")) {
            p->tok += 2;
            op = 'n';
        }
        if (!op)
            return WT_OK;
        if (!all) {
            WT_TRY(jj_p_node(p, JJ_COMPARE, &all));
            all->a = *out;
            *out = all;
        }
        WT_TRY(jj_p_node(p, JJ_KEYWORD, &part));
        part->op = op;
        WT_TRY(sum(p, &part->a));
        WT_TRY(jj_p_add_kid(p, all, part));
    }
}

static wt_status negation(parser *p, jj_node **out)
{
    jj_node *n;
    if (!jj_p_name_is(p, "not"))
        return comparison(p, out);
    WT_TRY(jj_p_node(p, JJ_UNARY, &n));
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
    while (jj_p_name_is(p, word)) {
        jj_node *n;
        WT_TRY(jj_p_node(p, type, &n));
        p->tok++;
        n->a = *out;
        WT_TRY(tighter(p, &n->b));
        *out = n;
    }
    return WT_OK;
}
static wt_status conjunction(parser *p, jj_node **out) { return logical(p, out, "and", JJ_AND, negation); }
wt_status jj_p_disjunction(parser *p, jj_node **out) { return logical(p, out, "or", JJ_OR, conjunction); }

wt_status jj_p_expression(parser *p, jj_node **out)
{
    if (++p->depth > JJ_MAX_DEPTH)
        return jj_fail(p->t, p->tok->line, WT_EFORMAT, p->err, "expressions are nested more than %d deep",
                       JJ_MAX_DEPTH);
    WT_TRY(jj_p_disjunction(p, out));
    while (jj_p_name_is(p, "if")) {
        jj_node *n;
        WT_TRY(jj_p_node(p, JJ_TERNARY, &n));
        p->tok++;
        n->a = *out;
        WT_TRY(jj_p_disjunction(p, &n->b));
        if (jj_p_take_name(p, "else"))
            WT_TRY(jj_p_expression(p, &n->c));
        *out = n;
    }
    p->depth--;
    return WT_OK;
}

/* An expression, or several with commas between: a tuple. */
wt_status jj_p_tuple(parser *p, jj_node **out)
{
    jj_node *all, *item;
    WT_TRY(jj_p_expression(p, out));
    if (!jj_p_op_is(p, ","))
        return WT_OK;
    WT_TRY(jj_p_node(p, JJ_TUPLE_OF, &all));
    WT_TRY(jj_p_add_kid(p, all, *out));
    while (jj_p_take_op(p, ",") && p->tok->type != JT_BLOCK_END && p->tok->type != JT_VAR_END) {
        WT_TRY(jj_p_expression(p, &item));
        WT_TRY(jj_p_add_kid(p, all, item));
    }
    *out = all;
    return WT_OK;
}
