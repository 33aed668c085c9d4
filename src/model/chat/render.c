/* render.c - statements, macros, and the public calls. */
#include <stdarg.h>
#include <stdio.h>
#include "base/json.h"
#include "model/chat/jinja.h"

wt_status jj_refuse(jj_render *r, wt_status code, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return jj_fail(r->t, r->line, code, r->err, "%s", text);
}

/* --- scopes --------------------------------------------------------------------------------------------------------
 */
static wt_status enter(jj_render *r, jj_scope *scope)
{
    *scope = (jj_scope){ .outer = r->scope };
    r->scope = scope;
    return ++r->depth > JJ_MAX_DEPTH ? jj_refuse(r, WT_ELIMIT, "scopes are nested more than %d deep", JJ_MAX_DEPTH)
                                     : WT_OK;
}

static void leave(jj_render *r)
{
    r->scope = r->scope->outer;
    r->depth--;
}

static wt_status define(jj_render *r, wt_string name, const jj_value *v)
{
    const jj_value key = jj_str(name.data, name.len);
    return jj_put(r, &r->scope->vars, &key, v);
}

/* A name, or a member of a namespace. */
static wt_status assign(jj_render *r, const jj_node *target, const jj_value *v)
{
    jj_value of;
    if (target->type == JJ_NAME)
        return define(r, target->str, v);
    WT_TRY(jj_eval(r, target->a, &of));
    r->line = target->line;
    if (of.kind != JJ_DICT || !of.v.dict->is_namespace)
        return jj_refuse(r, WT_EFORMAT, "only members of a namespace can be set");
    const jj_value key = jj_str(target->str.data, target->str.len);
    return jj_put(r, of.v.dict, &key, v);
}

static wt_status assign_all(jj_render *r, const jj_node *n, const jj_value *v)
{
    jj_list *items;
    if (n->n_kids == 1)
        return assign(r, n->kids[0], v);
    WT_TRY(jj_iterate(r, v, &items));
    if (items->n != n->n_kids)
        return jj_refuse(r, WT_EFORMAT, "%zu values cannot be unpacked into %zu names", items->n, n->n_kids);
    for (size_t i = 0; i < items->n; i++)
        WT_TRY(assign(r, n->kids[i], &items->items[i]));
    return WT_OK;
}

/* --- text of a body ------------------------------------------------------------------------------------------------
 */
static wt_status captured(jj_render *r, const jj_node *body, jj_value *out)
{
    wt_buf text, *outer = r->out;
    wt_buf_init(&text, r->t->ctx);
    r->out = &text;
    wt_status st = jj_statements(r, body);
    r->out = outer;
    return jj_finish(r, st, &text, out);
}

/* The filters of `{% filter a | b %}`, whose innermost operand is the text. */
static wt_status filtered(jj_render *r, const jj_node *n, const jj_value *text, jj_value *out)
{
    jj_value in;
    jj_args args = { 0 };
    if (n->type != JJ_FILTER) {
        *out = *text;
        return WT_OK;
    }
    WT_TRY(filtered(r, n->a, text, &in));
    args.pos = wt_arena_alloc(&r->arena, n->n_kids + 1, sizeof *args.pos, r->err);
    if (!args.pos)
        return WT_ENOMEM;
    for (size_t i = 0; i < n->n_kids; i++)
        WT_TRY(jj_eval(r, n->kids[i], &args.pos[args.n_pos++]));
    return jj_filter(r, n->str, &in, &args, out);
}

/* --- loops ---------------------------------------------------------------------------------------------------------
 */
static wt_status put_named(jj_render *r, jj_dict *dict, const char *name, jj_value v)
{
    const jj_value key = jj_str(name, strlen(name));
    return jj_put(r, dict, &key, &v);
}

static wt_status cycle(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const jj_value *index = jj_get_name(self->v.dict, (wt_string){ "index0", 6 });
    if (!args->n_pos || !index)
        return jj_refuse(r, WT_EFORMAT, "cycle needs something to choose from");
    *out = args->pos[(size_t)index->v.i % args->n_pos];
    return WT_OK;
}

static wt_status changed(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    jj_value now = { .kind = JJ_LIST, .v.list = wt_arena_alloc(&r->arena, 1, sizeof(jj_list), r->err) };
    if (!now.v.list)
        return WT_ENOMEM;
    for (size_t i = 0; i < args->n_pos; i++)
        WT_TRY(jj_push(r, now.v.list, &args->pos[i]));
    const jj_value *before = jj_get_name(self->v.dict, (wt_string){ " seen", 5 });
    *out = jj_bool(!before || before->kind == JJ_UNDEFINED || !jj_equal(before, &now));
    return put_named(r, self->v.dict, " seen", now);
}

static const jj_callable loop_cycle = { "loop.cycle", cycle, NULL, NULL },
                         loop_changed = { "loop.changed", changed, NULL, NULL };

static wt_status loop_facts(jj_render *r, jj_value *loop, const jj_list *items, size_t i)
{
    jj_dict *d = loop->v.dict;
    const struct {
        const char *name;
        jj_value v;
    } facts[] = { { "index", jj_int((int64_t)i + 1) },
                  { "index0", jj_int((int64_t)i) },
                  { "revindex", jj_int((int64_t)(items->n - i)) },
                  { "revindex0", jj_int((int64_t)(items->n - i) - 1) },
                  { "first", jj_bool(i == 0) },
                  { "last", jj_bool(i + 1 == items->n) },
                  { "length", jj_int((int64_t)items->n) },
                  { "depth", jj_int(1) },
                  { "depth0", jj_int(0) },
                  { "previtem", i ? items->items[i - 1] : jj_undefined("previtem") },
                  { "nextitem", i + 1 < items->n ? items->items[i + 1] : jj_undefined("nextitem") },
                  { "cycle", (jj_value){ .kind = JJ_CALL, .v.call = &loop_cycle, .self = loop } },
                  { "changed", (jj_value){ .kind = JJ_CALL, .v.call = &loop_changed, .self = loop } } };
    for (size_t k = 0; k < WT_ARRAY_LEN(facts); k++)
        WT_TRY(put_named(r, d, facts[k].name, facts[k].v));
    return WT_OK;
}

/* The items that the loop's `if` lets through; they decide what `loop` says. */
static wt_status chosen_items(jj_render *r, const jj_node *n, const jj_list *all, jj_list **out)
{
    jj_value kept, yes;
    jj_scope scope;
    WT_TRY(jj_new_list(r, &kept));
    *out = kept.v.list;
    for (size_t i = 0; i < all->n; i++) {
        WT_TRY(enter(r, &scope));
        wt_status st = assign_all(r, n, &all->items[i]);
        if (st == WT_OK)
            st = jj_eval(r, n->b, &yes);
        leave(r);
        WT_TRY(st);
        if (jj_true(&yes))
            WT_TRY(jj_push(r, *out, &all->items[i]));
    }
    return WT_OK;
}

static wt_status loop_body(jj_render *r, const jj_node *n, const jj_list *items, size_t i, jj_value *loop)
{
    WT_TRY(loop_facts(r, loop, items, i));
    WT_TRY(define(r, (wt_string){ "loop", 4 }, loop));
    WT_TRY(assign_all(r, n, &items->items[i]));
    return jj_statements(r, n->body);
}

static wt_status for_statement(jj_render *r, const jj_node *n)
{
    jj_value of, *loop = wt_arena_alloc(&r->arena, 1, sizeof *loop, r->err);
    jj_list *items;
    if (!loop)
        return WT_ENOMEM;
    WT_TRY(jj_eval(r, n->a, &of));
    r->line = n->line;
    WT_TRY(jj_iterate(r, &of, &items));
    if (n->b)
        WT_TRY(chosen_items(r, n, items, &items));
    if (!items->n)
        return jj_statements(r, n->other);
    WT_TRY(jj_new_dict(r, loop));
    for (size_t i = 0; i < items->n; i++) {
        jj_scope scope;
        WT_TRY(enter(r, &scope));
        const wt_status st = loop_body(r, n, items, i, loop);
        leave(r);
        WT_TRY(st);
        const jj_flow flow = r->flow;
        r->flow = JJ_GO;
        if (flow == JJ_BROKEN)
            break;
    }
    return WT_OK;
}

/* --- macros --------------------------------------------------------------------------------------------------------
 */
static wt_status parameter(jj_render *r, const jj_node *p, const jj_args *args, size_t index)
{
    char name[64];
    jj_value v;
    snprintf(name, sizeof name, "%.*s", (int)(p->str.len < 63 ? p->str.len : 63), p->str.data);
    const jj_value *given = jj_arg(args, index, name);
    if (given)
        v = *given;
    else if (p->type == JJ_KEYWORD)
        WT_TRY(jj_eval(r, p->a, &v));
    else
        v = jj_undefined("parameter");
    return define(r, p->str, &v);
}

static wt_status run_macro(jj_render *r, const jj_callable *macro, const jj_args *args, jj_value *out)
{
    const jj_node *m = macro->macro;
    for (size_t i = 0; i < m->n_kids; i++)
        WT_TRY(parameter(r, m->kids[i], args, i));
    if (args->n_pos > m->n_kids)
        return jj_refuse(r, WT_EFORMAT, "macro '%s' takes %zu arguments, %zu were given", macro->name, m->n_kids,
                         args->n_pos);
    const jj_value *caller = jj_arg(args, SIZE_MAX, "caller");
    if (caller)
        WT_TRY(define(r, (wt_string){ "caller", 6 }, caller));
    return captured(r, m->body, out);
}

/* A macro sees what is global, not what stands around its call. */
wt_status jj_call_macro(jj_render *r, const jj_callable *macro, const jj_args *args, jj_value *out)
{
    jj_scope *outer = r->scope, scope;
    const bool is_caller = macro->caller != NULL;
    if (!is_caller)
        r->scope = r->globals;
    wt_status st = enter(r, &scope);
    if (st == WT_OK)
        st = run_macro(r, macro, args, out);
    leave(r);
    r->scope = outer;
    return st;
}

static wt_status callable(jj_render *r, const jj_node *n, bool caller, jj_value *out)
{
    jj_callable *c = wt_arena_alloc(&r->arena, 1, sizeof *c, r->err);
    if (!c)
        return WT_ENOMEM;
    c->macro = n;
    c->caller = caller ? n : NULL;
    c->name = caller ? "caller" : wt_arena_strndup(&r->arena, n->str.data, n->str.len, r->err);
    *out = (jj_value){ .kind = JJ_CALL, .v.call = c };
    return c->name ? WT_OK : WT_ENOMEM;
}

/* {% call f(x) %} body {% endcall %}: f gets `caller`, which gives the body. */
static wt_status call_block(jj_render *r, const jj_node *n)
{
    const jj_node *call = n->a;
    jj_args args = { 0 };
    jj_value fn, text;
    WT_TRY(jj_eval(r, call->a, &fn));
    args.pos = wt_arena_alloc(&r->arena, call->n_kids + 1, sizeof *args.pos, r->err);
    args.named = wt_arena_alloc(&r->arena, call->n_kids + 1, sizeof *args.named, r->err);
    if (!args.pos || !args.named)
        return WT_ENOMEM;
    for (size_t i = 0; i < call->n_kids; i++) {
        const jj_node *kid = call->kids[i];
        const bool named = kid->type == JJ_KEYWORD;
        jj_pair *pair = &args.named[args.n_named];
        WT_TRY(jj_eval(r, named ? kid->a : kid, named ? &pair->value : &args.pos[args.n_pos]));
        pair->key = jj_str(kid->str.data, kid->str.len);
        *(named ? &args.n_named : &args.n_pos) += 1;
    }
    args.named[args.n_named].key = jj_str("caller", 6);
    WT_TRY(callable(r, n, true, &args.named[args.n_named++].value));
    WT_TRY(jj_call(r, &fn, &args, &text, n->line));
    return jj_text(r, &text, r->out);
}

/* --- statements ----------------------------------------------------------------------------------------------------
 */
static wt_status block(jj_render *r, const jj_node *n)
{
    jj_value v, text;
    switch (n->type) {
    case JJ_SET:
        WT_TRY(jj_eval(r, n->a, &v));
        r->line = n->line;
        return assign_all(r, n, &v);
    case JJ_SET_BLOCK:
        WT_TRY(captured(r, n->body, &text));
        v = text;
        if (n->a)
            WT_TRY(filtered(r, n->a, &text, &v));
        return assign_all(r, n, &v);
    case JJ_FILTER_BLOCK:
        WT_TRY(captured(r, n->body, &text));
        WT_TRY(filtered(r, n->a, &text, &v));
        return jj_text(r, &v, r->out);
    case JJ_MACRO: WT_TRY(callable(r, n, false, &v)); return define(r, n->str, &v);
    case JJ_CALL_BLOCK: return call_block(r, n);
    case JJ_BLOCK: return jj_statements(r, n->body);
    default: r->flow = n->type == JJ_BREAK ? JJ_BROKEN : JJ_CONTINUED; return WT_OK;
    }
}

static wt_status statement(jj_render *r, const jj_node *n)
{
    jj_value v;
    switch (n->type) {
    case JJ_TEXT: wt_buf_add(r->out, n->str.data, n->str.len); return WT_OK;
    case JJ_PRINT:
        WT_TRY(jj_eval(r, n->a, &v));
        r->line = n->line;
        return jj_text(r, &v, r->out);
    case JJ_IF: WT_TRY(jj_eval(r, n->a, &v)); return jj_statements(r, jj_true(&v) ? n->body : n->other);
    case JJ_FOR: return for_statement(r, n);
    default: return block(r, n);
    }
}

wt_status jj_statements(jj_render *r, const jj_node *first)
{
    if (++r->depth > 4 * JJ_MAX_DEPTH)
        return jj_refuse(r, WT_ELIMIT, "the template is nested too deep");
    for (const jj_node *n = first; n && r->flow == JJ_GO; n = n->next) {
        r->line = n->line;
        if (++r->steps > JJ_MAX_STEPS || r->out->len > JJ_MAX_BYTES)
            return jj_refuse(r, WT_ELIMIT, "the template does not end (%llu steps, %zu bytes)",
                             (unsigned long long)r->steps, r->out->len);
        WT_TRY(statement(r, n));
    }
    r->depth--;
    return WT_OK;
}

/* --- the public calls ----------------------------------------------------------------------------------------------
 */
wt_status wt_template_open(wt_template **out, wt_context *ctx, const char *source, size_t len, const char *name,
                           wt_err *err)
{
    jj_token *tokens;
    size_t n;
    *out = NULL;
    wt_template *t = wt_alloc(ctx, 1, sizeof *t, err);
    if (!t)
        return WT_ENOMEM;
    t->ctx = ctx;
    wt_arena_init(&t->arena, ctx);
    t->source = wt_arena_strndup(&t->arena, source, len, err);
    t->name = wt_arena_strdup(&t->arena, name ? name : "template", err);
    t->len = len;
    wt_status st = t->source && t->name ? jj_lex(t, &tokens, &n, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = jj_parse(t, tokens, n, err);
    if (st != WT_OK) {
        wt_template_close(t);
        return st;
    }
    *out = t;
    return WT_OK;
}

void wt_template_close(wt_template *t)
{
    if (!t)
        return;
    wt_context *ctx = t->ctx;
    wt_arena_free(&t->arena);
    wt_free(ctx, t);
}

static wt_status render(jj_render *r, json_t *variables)
{
    jj_scope globals = { 0 }; /* macros see what the template defines at its top level: one scope for both */
    jj_value v;
    r->scope = r->globals = &globals;
    WT_TRY(jj_globals(r));
    WT_TRY(jj_from_json(r, variables, &v, 0));
    if (v.kind != JJ_DICT)
        return jj_refuse(r, WT_EUSAGE, "the variables of a template are a JSON object");
    for (size_t i = 0; i < v.v.dict->n; i++)
        WT_TRY(jj_put(r, &globals.vars, &v.v.dict->pairs[i].key, &v.v.dict->pairs[i].value));
    return jj_statements(r, r->t->root);
}

wt_status wt_template_render(const wt_template *t, const char *variables, char **text, size_t *len, wt_err *err)
{
    wt_buf out;
    json_t *json;
    jj_render r = { .t = t, .out = &out, .line = 1, .err = err };
    *text = NULL;
    *len = 0;
    WT_TRY(wt_json_parse(&json, variables, strlen(variables), "variables of the template", err));
    wt_buf_init(&out, t->ctx);
    wt_buf_puts(&out, "");
    wt_arena_init(&r.arena, t->ctx);
    wt_status st = render(&r, json);
    if (st == WT_OK)
        st = wt_buf_status(&out, err);
    wt_arena_free(&r.arena);
    json_decref(json);
    if (st != WT_OK) {
        wt_buf_free(&out);
        return st;
    }
    *text = out.data;
    *len = out.len;
    return WT_OK;
}

void wt_template_text_free(wt_context *ctx, char *text) { wt_free(ctx, text); }
