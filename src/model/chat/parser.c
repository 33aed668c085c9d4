/* parser.c - tokens to a tree. A statement that our Jinja does not have is refused by name and line here; filters,
 * tests and functions when they are reached, as Jinja itself does in branches that are not taken. */
#include <stdarg.h>
#include <stdio.h>
#include "model/chat/parser.h"

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

/* --- statements ----------------------------------------------------------------------------------------------------
 */
static wt_status statements(parser *p, jj_node **first, const char *const *ends);

static wt_status block_end(parser *p)
{
    if (p->tok->type != JT_BLOCK_END)
        return jj_p_expected(p, "%}");
    p->tok++;
    return WT_OK;
}

/* Body up to {% word %}, which is taken with everything in it. */
static wt_status body_until(parser *p, jj_node **first, const char *word)
{
    const char *ends[] = { word, NULL };
    WT_TRY(statements(p, first, ends));
    if (!jj_p_take_name(p, word))
        return jj_p_expected(p, word);
    if (p->tok->type == JT_NAME) /* endblock NAME, endmacro NAME */
        p->tok++;
    return block_end(p);
}

static wt_status if_statement(parser *p, jj_node *n)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    WT_TRY(jj_p_tuple(p, &n->a));
    WT_TRY(block_end(p));
    WT_TRY(statements(p, &n->body, ends));
    if (jj_p_name_is(p, "elif")) {
        WT_TRY(jj_p_node(p, JJ_IF, &n->other));
        p->tok++;
        return if_statement(p, n->other);
    }
    if (jj_p_take_name(p, "else")) {
        WT_TRY(block_end(p));
        return body_until(p, &n->other, "endif");
    }
    if (!jj_p_take_name(p, "endif"))
        return jj_p_expected(p, "endif");
    return block_end(p);
}

static wt_status targets(parser *p, jj_node *n)
{
    const bool bracket = jj_p_take_op(p, "(");
    do {
        jj_node *t;
        WT_TRY(jj_p_node(p, JJ_NAME, &t));
        WT_TRY(jj_p_need_name(p, &t->str));
        if (jj_p_take_op(p, ".")) {
            jj_node *base = t;
            WT_TRY(jj_p_node(p, JJ_ATTR, &t));
            t->a = base;
            WT_TRY(jj_p_need_name(p, &t->str));
        }
        WT_TRY(jj_p_add_kid(p, n, t));
    } while (jj_p_take_op(p, ","));
    return bracket ? jj_p_need_op(p, ")") : WT_OK;
}

static wt_status for_statement(parser *p, jj_node *n)
{
    static const char *const ends[] = { "else", "endfor", NULL };
    WT_TRY(targets(p, n));
    if (!jj_p_take_name(p, "in"))
        return jj_p_expected(p, "in");
    WT_TRY(jj_p_disjunction(p, &n->a)); /* no ternary: its `if` is the filter of the loop */
    if (jj_p_op_is(p, ",")) {
        jj_node *all, *item;
        WT_TRY(jj_p_node(p, JJ_TUPLE_OF, &all));
        WT_TRY(jj_p_add_kid(p, all, n->a));
        while (jj_p_take_op(p, ",")) {
            WT_TRY(jj_p_disjunction(p, &item));
            WT_TRY(jj_p_add_kid(p, all, item));
        }
        n->a = all;
    }
    if (jj_p_take_name(p, "if"))
        WT_TRY(jj_p_expression(p, &n->b));
    if (jj_p_name_is(p, "recursive"))
        return jj_fail(p->t, n->line, WT_EUNSUPPORTED, p->err, "recursive loops are not supported");
    WT_TRY(block_end(p));
    WT_TRY(statements(p, &n->body, ends));
    if (jj_p_take_name(p, "else")) {
        WT_TRY(block_end(p));
        return body_until(p, &n->other, "endfor");
    }
    if (!jj_p_take_name(p, "endfor"))
        return jj_p_expected(p, "endfor");
    return block_end(p);
}

static wt_status set_statement(parser *p, jj_node *n)
{
    WT_TRY(targets(p, n));
    if (jj_p_take_op(p, "=")) {
        WT_TRY(jj_p_tuple(p, &n->a));
        return block_end(p);
    }
    n->type = JJ_SET_BLOCK;
    while (jj_p_take_op(p, "|")) { /* filters hang on n->a, whose innermost operand is the text */
        if (!n->a)
            WT_TRY(jj_p_node(p, JJ_CONST, &n->a));
        WT_TRY(jj_p_filter(p, &n->a));
    }
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endset");
}

static wt_status macro_statement(parser *p, jj_node *n)
{
    WT_TRY(jj_p_need_name(p, &n->str));
    WT_TRY(jj_p_need_op(p, "("));
    WT_TRY(jj_p_arguments(p, n));
    for (size_t i = 0; i < n->n_kids; i++)
        if (n->kids[i]->type != JJ_NAME && n->kids[i]->type != JJ_KEYWORD)
            return jj_fail(p->t, n->line, WT_EFORMAT, p->err, "parameters of a macro must be names");
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endmacro");
}

static wt_status call_statement(parser *p, jj_node *n)
{
    if (jj_p_take_op(p, "("))
        WT_TRY(jj_p_arguments(p, n));
    WT_TRY(jj_p_expression(p, &n->a));
    if (n->a->type != JJ_CALLING)
        return jj_fail(p->t, n->line, WT_EFORMAT, p->err, "'call' must call a macro");
    WT_TRY(block_end(p));
    return body_until(p, &n->body, "endcall");
}

static wt_status filter_statement(parser *p, jj_node *n)
{
    WT_TRY(jj_p_node(p, JJ_CONST, &n->a));
    do
        WT_TRY(jj_p_filter(p, &n->a));
    while (jj_p_take_op(p, "|"));
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
        if (jj_p_name_is(p, known[i].name)) {
            WT_TRY(jj_p_node(p, known[i].type, out));
            p->tok++;
            return known[i].parse(p, *out);
        }
    if (jj_p_name_is(p, "break") || jj_p_name_is(p, "continue")) {
        WT_TRY(jj_p_node(p, jj_p_name_is(p, "break") ? JJ_BREAK : JJ_CONTINUE, out));
        p->tok++;
        return block_end(p);
    }
    if (jj_p_name_is(p, "generation")) { /* marks the assistant's words for training; here it is only its body */
        WT_TRY(jj_p_node(p, JJ_BLOCK, out));
        p->tok++;
        WT_TRY(block_end(p));
        return body_until(p, &(*out)->body, "endgeneration");
    }
    if (p->tok->type != JT_NAME)
        return jj_p_expected(p, "a statement");
    return jj_fail(p->t, p->tok->line, WT_EUNSUPPORTED, p->err, "the statement '%.*s' is not supported",
                   (int)p->tok->text.len, p->tok->text.data);
}

static bool ends_here(const parser *p, const char *const *ends)
{
    for (size_t i = 0; ends && ends[i]; i++)
        if (jj_p_name_is(p, ends[i]))
            return true;
    return false;
}

static wt_status statement(parser *p, jj_node **out)
{
    if (p->tok->type == JT_DATA) {
        WT_TRY(jj_p_node(p, JJ_TEXT, out));
        (*out)->str = p->tok++->text;
        return WT_OK;
    }
    WT_TRY(jj_p_node(p, JJ_PRINT, out));
    p->tok++;
    WT_TRY(jj_p_tuple(p, &(*out)->a));
    if (p->tok->type != JT_VAR_END)
        return jj_p_expected(p, "}}");
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
    return ends ? jj_p_expected(p, ends[last]) : WT_OK;
}

wt_status jj_parse(wt_template *t, const jj_token *tokens, size_t n, wt_err *err)
{
    parser p = { .t = t, .tok = tokens, .err = err };
    (void)n;
    return statements(&p, &t->root, NULL);
}
