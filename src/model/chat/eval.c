/* eval.c - expressions. */
#include <math.h>
#include "model/chat/jinja.h"

/* --- names, attributes, items --------------------------------------------------------------------------------------
 */
static const jj_value *look_up(const jj_render *r, wt_string name)
{
    for (const jj_scope *s = r->scope; s; s = s->outer) {
        const jj_value *v = jj_get_name(&s->vars, name);
        if (v)
            return v;
    }
    return NULL;
}

static wt_status missing(jj_render *r, wt_string name, jj_value *out)
{
    const char *copy = wt_arena_strndup(&r->arena, name.data, name.len, r->err);
    *out = jj_undefined(copy);
    return copy ? WT_OK : WT_ENOMEM;
}

static wt_status no_member(jj_render *r, const jj_value *of)
{
    return jj_refuse(r, WT_EFORMAT, "'%s' is undefined, so it has no members", of->v.name ? of->v.name : "?");
}

static wt_status bound(jj_render *r, const jj_callable *method, const jj_value *self, jj_value *out)
{
    jj_value *copy = wt_arena_alloc(&r->arena, 1, sizeof *copy, r->err);
    if (!copy)
        return WT_ENOMEM;
    *copy = *self;
    *out = (jj_value){ .kind = JJ_CALL, .v.call = method, .self = copy };
    return WT_OK;
}

/* x.name: methods first (as in Python), then keys. */
static wt_status attribute(jj_render *r, const jj_value *of, wt_string name, jj_value *out)
{
    if (of->kind == JJ_UNDEFINED)
        return no_member(r, of);
    const jj_callable *method = of->kind == JJ_DICT && of->v.dict->is_namespace ? NULL : jj_method(of, name);
    if (method)
        return bound(r, method, of, out);
    const jj_value *v = of->kind == JJ_DICT ? jj_get_name(of->v.dict, name) : NULL;
    if (!v)
        return missing(r, name, out);
    *out = *v;
    return WT_OK;
}

static wt_status item(jj_render *r, const jj_value *of, const jj_value *key, jj_value *out)
{
    *out = jj_undefined("item");
    if (of->kind == JJ_UNDEFINED)
        return no_member(r, of);
    if (of->kind == JJ_DICT) {
        const jj_value *v = jj_get(of->v.dict, key);
        if (v)
            *out = *v;
        else if (key->kind == JJ_STRING)
            return missing(r, key->v.s, out);
        return WT_OK;
    }
    if (key->kind != JJ_INT && key->kind != JJ_BOOL)
        return WT_OK;
    const int64_t asked = key->kind == JJ_INT ? key->v.i : key->v.b;
    const int64_t n = of->kind == JJ_LIST     ? (int64_t)of->v.list->n
                      : of->kind == JJ_STRING ? (int64_t)jj_chars(of->v.s)
                                              : 0;
    const int64_t i = asked < 0 ? asked + n : asked;
    if (i < 0 || i >= n)
        return WT_OK;
    if (of->kind == JJ_LIST) {
        *out = of->v.list->items[i];
    } else {
        const size_t from = jj_char_at(of->v.s, (size_t)i), to = jj_char_at(of->v.s, (size_t)i + 1);
        *out = jj_str(of->v.s.data + from, to - from);
    }
    return WT_OK;
}

static wt_status bound_of_slice(jj_render *r, const jj_node *n, int64_t fallback, int64_t *out)
{
    jj_value v = jj_none();
    if (n)
        WT_TRY(jj_eval(r, n, &v));
    if (v.kind != JJ_INT && v.kind != JJ_NONE)
        return jj_refuse(r, WT_EFORMAT, "a slice wants integers, not %s", jj_kind_name(&v));
    *out = v.kind == JJ_INT ? v.v.i : fallback;
    return WT_OK;
}

static wt_status slice(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value of;
    jj_list *items;
    int64_t step, from, to;
    WT_TRY(jj_eval(r, n->a, &of));
    if (of.kind != JJ_LIST && of.kind != JJ_STRING)
        return jj_refuse(r, WT_EFORMAT, "%s cannot be sliced", jj_kind_name(&of));
    WT_TRY(jj_iterate(r, &of, &items));
    const int64_t len = (int64_t)items->n;
    WT_TRY(bound_of_slice(r, n->d, 1, &step));
    if (step == 0)
        return jj_refuse(r, WT_EFORMAT, "the step of a slice is 0");
    WT_TRY(bound_of_slice(r, n->b, step > 0 ? 0 : len - 1, &from));
    WT_TRY(bound_of_slice(r, n->c, step > 0 ? len : -len - 1, &to));
    from = from < 0 ? from + len : from;
    to = to < 0 ? to + len : to;
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? len : len - 1;
    from = from < low ? low : from > high ? high : from;
    to = to < low ? low : to > high ? high : to;
    jj_value list;
    WT_TRY(jj_new_list(r, &list));
    list.v.list->tuple = of.kind == JJ_LIST && of.v.list->tuple;
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step)
        WT_TRY(jj_push(r, list.v.list, &items->items[i]));
    *out = list;
    if (of.kind == JJ_LIST)
        return WT_OK;
    wt_buf text;
    wt_buf_init(&text, r->t->ctx);
    for (size_t i = 0; i < list.v.list->n; i++)
        wt_buf_add(&text, list.v.list->items[i].v.s.data, list.v.list->items[i].v.s.len);
    return jj_finish(r, WT_OK, &text, out);
}

/* --- calls ---------------------------------------------------------------------------------------------------------
 */
static wt_status arguments(jj_render *r, const jj_node *n, jj_args *args)
{
    args->pos = wt_arena_alloc(&r->arena, n->n_kids + 1, sizeof *args->pos, r->err);
    args->named = wt_arena_alloc(&r->arena, n->n_kids + 1, sizeof *args->named, r->err);
    args->n_pos = args->n_named = 0;
    if (!args->pos || !args->named)
        return WT_ENOMEM;
    for (size_t i = 0; i < n->n_kids; i++) {
        const jj_node *kid = n->kids[i];
        if (kid->type == JJ_KEYWORD) {
            jj_pair *pair = &args->named[args->n_named++];
            pair->key = jj_str(kid->str.data, kid->str.len);
            WT_TRY(jj_eval(r, kid->a, &pair->value));
        } else {
            WT_TRY(jj_eval(r, kid, &args->pos[args->n_pos++]));
        }
    }
    return WT_OK;
}

const jj_value *jj_arg(const jj_args *args, size_t index, const char *name)
{
    if (index < args->n_pos)
        return &args->pos[index];
    for (size_t i = 0; name && i < args->n_named; i++)
        if (jj_is(args->named[i].key.v.s, name))
            return &args->named[i].value;
    return NULL;
}

wt_status jj_call(jj_render *r, const jj_value *fn, const jj_args *args, jj_value *out, int line)
{
    r->line = line;
    *out = jj_none();
    if (fn->kind != JJ_CALL) {
        if (fn->kind == JJ_UNDEFINED)
            return jj_refuse(r, WT_EUNSUPPORTED, "there is no function '%s'", fn->v.name ? fn->v.name : "?");
        return jj_refuse(r, WT_EFORMAT, "%s cannot be called", jj_kind_name(fn));
    }
    if (++r->depth > JJ_MAX_DEPTH)
        return jj_refuse(r, WT_ELIMIT, "calls are nested more than %d deep", JJ_MAX_DEPTH);
    const wt_status st = fn->v.call->fn ? fn->v.call->fn(r, out, fn->self, args)
                                        : jj_call_macro(r, fn->v.call, args, out);
    r->depth--;
    return st;
}

static wt_status calling(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value fn;
    jj_args args;
    WT_TRY(jj_eval(r, n->a, &fn));
    WT_TRY(arguments(r, n, &args));
    return jj_call(r, &fn, &args, out, n->line);
}

static wt_status filter(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value in;
    jj_args args;
    WT_TRY(jj_eval(r, n->a, &in));
    WT_TRY(arguments(r, n, &args));
    r->line = n->line;
    return jj_filter(r, n->str, &in, &args, out);
}

static wt_status test(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value in;
    jj_args args;
    bool yes = false;
    WT_TRY(jj_eval(r, n->a, &in));
    WT_TRY(arguments(r, n, &args));
    r->line = n->line;
    WT_TRY(jj_test(r, n->str, &in, &args, &yes));
    *out = jj_bool(yes != n->negated);
    return WT_OK;
}

/* --- arithmetic ----------------------------------------------------------------------------------------------------
 */
static wt_status joined(jj_render *r, const jj_value *a, const jj_value *b, jj_value *out)
{
    wt_buf text;
    wt_buf_init(&text, r->t->ctx);
    wt_status st = jj_text(r, a, &text);
    if (st == WT_OK)
        st = jj_text(r, b, &text);
    if (st == WT_OK && r->arena.total + text.len > JJ_MAX_BYTES)
        st = jj_refuse(r, WT_ELIMIT, "the template needs more than %d MB", JJ_MAX_BYTES >> 20);
    return jj_finish(r, st, &text, out);
}

static wt_status cannot(jj_render *r, const char *what, const jj_value *a, const jj_value *b)
{
    if (a->kind == JJ_UNDEFINED || b->kind == JJ_UNDEFINED) {
        const jj_value *u = a->kind == JJ_UNDEFINED ? a : b;
        return jj_refuse(r, WT_EFORMAT, "'%s' is undefined", u->v.name ? u->v.name : "?");
    }
    return jj_refuse(r, WT_EFORMAT, "'%s' does not go with %s and %s", what, jj_kind_name(a), jj_kind_name(b));
}

static wt_status both_lists(jj_render *r, const jj_value *a, const jj_value *b, jj_value *out)
{
    WT_TRY(jj_new_list(r, out));
    out->v.list->tuple = a->v.list->tuple;
    for (size_t i = 0; i < a->v.list->n; i++)
        WT_TRY(jj_push(r, out->v.list, &a->v.list->items[i]));
    for (size_t i = 0; i < b->v.list->n; i++)
        WT_TRY(jj_push(r, out->v.list, &b->v.list->items[i]));
    return WT_OK;
}

static wt_status repeated(jj_render *r, const jj_value *s, int64_t times, jj_value *out)
{
    jj_value all = jj_str("", 0);
    if (times > 0 && s->v.s.len > (size_t)JJ_MAX_BYTES / (size_t)times)
        return jj_refuse(r, WT_ELIMIT, "the template needs more than %d MB", JJ_MAX_BYTES >> 20);
    char *text = wt_arena_alloc(&r->arena, times > 0 ? (size_t)times * s->v.s.len + 1 : 1, 1, r->err);
    if (!text)
        return WT_ENOMEM;
    for (int64_t i = 0; i < times; i++)
        memcpy(text + (size_t)i * s->v.s.len, s->v.s.data, s->v.s.len);
    all.v.s = (wt_string){ text, times > 0 ? (size_t)times * s->v.s.len : 0 };
    *out = all;
    return WT_OK;
}

static bool integer(const jj_value *v, int64_t *out)
{
    *out = v->kind == JJ_INT ? v->v.i : v->kind == JJ_BOOL ? v->v.b : 0;
    return v->kind == JJ_INT || v->kind == JJ_BOOL;
}

static double real(const jj_value *v)
{
    int64_t i;
    return integer(v, &i) ? (double)i : v->v.f;
}

static wt_status integers(jj_render *r, int op, int64_t a, int64_t b, jj_value *out)
{
    int64_t v = 0;
    bool over = false;
    if ((op == 'i' || op == '%' || op == '/') && b == 0)
        return jj_refuse(r, WT_EFORMAT, "division by zero");
    switch (op) {
    case '+': over = __builtin_add_overflow(a, b, &v); break;
    case '-': over = __builtin_sub_overflow(a, b, &v); break;
    case '*': over = __builtin_mul_overflow(a, b, &v); break;
    case '/': *out = jj_float((double)a / (double)b); return WT_OK;
    case 'i':
    case '%':
        over = a == INT64_MIN && b == -1;
        if (!over) {
            const int64_t rest = a % b != 0 && (a % b < 0) != (b < 0) ? a % b + b
                                                                      : a % b; /* the sign of b, as in Python */
            v = op == '%' ? rest : (a - rest) / b;
        }
        break;
    default:
        if (b < 0) {
            *out = jj_float(pow((double)a, (double)b));
            return WT_OK;
        }
        v = 1;
        for (int64_t i = 0; i < b && !over && i < 64; i++)
            over = __builtin_mul_overflow(v, a, &v);
        over = over || (b > 64 && a != 0 && a != 1 && a != -1);
    }
    if (over)
        return jj_refuse(r, WT_ELIMIT, "an integer is larger than 64 bits");
    *out = jj_int(v);
    return WT_OK;
}

static wt_status reals(jj_render *r, int op, double a, double b, jj_value *out)
{
    if ((op == 'i' || op == '%' || op == '/') && b == 0)
        return jj_refuse(r, WT_EFORMAT, "division by zero");
    const double v = op == '+'   ? a + b
                     : op == '-' ? a - b
                     : op == '*' ? a * b
                     : op == '/' ? a / b
                     : op == 'i' ? floor(a / b)
                     : op == '%' ? a - floor(a / b) * b
                                 : pow(a, b);
    *out = jj_float(v);
    return WT_OK;
}

static wt_status binary(jj_render *r, const jj_node *n, jj_value *out)
{
    const char name[2] = { (char)n->op, 0 };
    jj_value a, b;
    int64_t i, j;
    WT_TRY(jj_eval(r, n->a, &a));
    WT_TRY(jj_eval(r, n->b, &b));
    r->line = n->line;
    if (n->op == '+' && a.kind == JJ_STRING && b.kind == JJ_STRING && a.markup != b.markup) {
        jj_value *plain = a.markup ? &b : &a; /* markup escapes what is added to it, and stays markup */
        WT_TRY(jj_filter(r, (wt_string){ "escape", 6 }, plain, &(jj_args){ 0 }, plain));
        WT_TRY(joined(r, &a, &b, out));
        out->markup = true;
        return WT_OK;
    }
    if (n->op == '~' || (n->op == '+' && a.kind == JJ_STRING && b.kind == JJ_STRING)) {
        const bool markup = n->op == '+' && a.markup;
        WT_TRY(joined(r, &a, &b, out));
        out->markup = markup;
        return WT_OK;
    }
    if (n->op == '+' && a.kind == JJ_LIST && b.kind == JJ_LIST)
        return both_lists(r, &a, &b, out);
    if (n->op == '*' && a.kind == JJ_STRING && integer(&b, &j))
        return repeated(r, &a, j, out);
    if (n->op == '*' && b.kind == JJ_STRING && integer(&a, &i))
        return repeated(r, &b, i, out);
    if (n->op == '%' && a.kind == JJ_STRING)
        return jj_refuse(r, WT_EUNSUPPORTED, "formatting strings with %% is not supported");
    if (integer(&a, &i) && integer(&b, &j))
        return integers(r, n->op, i, j, out);
    const bool numbers = (integer(&a, &i) || a.kind == JJ_FLOAT) && (integer(&b, &j) || b.kind == JJ_FLOAT);
    return numbers ? reals(r, n->op, real(&a), real(&b), out) : cannot(r, name, &a, &b);
}

static wt_status unary(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value v;
    WT_TRY(jj_eval(r, n->a, &v));
    if (n->op == '!') {
        *out = jj_bool(!jj_true(&v));
        return WT_OK;
    }
    const jj_value zero = jj_int(0);
    int64_t i;
    if (integer(&v, &i))
        return integers(r, n->op, 0, i, out);
    if (v.kind != JJ_FLOAT)
        return cannot(r, n->op == '-' ? "-" : "+", &zero, &v);
    *out = jj_float(n->op == '-' ? -v.v.f : v.v.f);
    return WT_OK;
}

/* --- comparisons ---------------------------------------------------------------------------------------------------
 */
static wt_status holds(jj_render *r, int op, const jj_value *a, const jj_value *b, bool *out)
{
    int order;
    if (op == '=' || op == '!') {
        *out = jj_equal(a, b) == (op == '=');
        return WT_OK;
    }
    if (op == 'i' || op == 'n') {
        WT_TRY(jj_contains(r, a, b, out));
        *out = *out == (op == 'i');
        return WT_OK;
    }
    WT_TRY(jj_order(r, a, b, &order));
    *out = op == '<' ? order < 0 : op == '>' ? order > 0 : op == 'l' ? order <= 0 : order >= 0;
    return WT_OK;
}

static wt_status compare(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value a, b;
    bool yes = true;
    WT_TRY(jj_eval(r, n->a, &a));
    for (size_t i = 0; i < n->n_kids && yes; i++) {
        WT_TRY(jj_eval(r, n->kids[i]->a, &b));
        r->line = n->line;
        WT_TRY(holds(r, n->kids[i]->op, &a, &b, &yes));
        a = b;
    }
    *out = jj_bool(yes);
    return WT_OK;
}

/* --- the rest ------------------------------------------------------------------------------------------------------
 */
static wt_status literal(jj_render *r, const jj_node *n, jj_value *out)
{
    if (n->type == JJ_DICT_OF) {
        WT_TRY(jj_new_dict(r, out));
        for (size_t i = 0; i + 1 < n->n_kids; i += 2) {
            jj_value key, value;
            WT_TRY(jj_eval(r, n->kids[i], &key));
            WT_TRY(jj_eval(r, n->kids[i + 1], &value));
            WT_TRY(jj_put(r, out->v.dict, &key, &value));
        }
        return WT_OK;
    }
    WT_TRY(jj_new_list(r, out));
    out->v.list->tuple = n->type == JJ_TUPLE_OF;
    for (size_t i = 0; i < n->n_kids; i++) {
        jj_value v;
        WT_TRY(jj_eval(r, n->kids[i], &v));
        WT_TRY(jj_push(r, out->v.list, &v));
    }
    return WT_OK;
}

static wt_status choice(jj_render *r, const jj_node *n, jj_value *out)
{
    if (n->type == JJ_TERNARY) {
        jj_value yes;
        WT_TRY(jj_eval(r, n->b, &yes));
        if (jj_true(&yes))
            return jj_eval(r, n->a, out);
        *out = jj_undefined("the other case");
        return n->c ? jj_eval(r, n->c, out) : WT_OK;
    }
    WT_TRY(jj_eval(r, n->a, out));
    if (jj_true(out) == (n->type == JJ_OR))
        return WT_OK;
    return jj_eval(r, n->b, out);
}

static wt_status name(jj_render *r, const jj_node *n, jj_value *out)
{
    const jj_value *v = look_up(r, n->str);
    if (!v)
        return missing(r, n->str, out);
    *out = *v;
    return WT_OK;
}

static wt_status eval(jj_render *r, const jj_node *n, jj_value *out)
{
    jj_value a, b;
    if (++r->steps > JJ_MAX_STEPS)
        return jj_refuse(r, WT_ELIMIT, "the template does not end (more than %d steps)", JJ_MAX_STEPS);
    switch (n->type) {
    case JJ_CONST: *out = n->value; return WT_OK;
    case JJ_NAME: return name(r, n, out);
    case JJ_ATTR:
        WT_TRY(jj_eval(r, n->a, &a));
        r->line = n->line;
        return attribute(r, &a, n->str, out);
    case JJ_ITEM:
        WT_TRY(jj_eval(r, n->a, &a));
        WT_TRY(jj_eval(r, n->b, &b));
        r->line = n->line;
        return item(r, &a, &b, out);
    case JJ_SLICE: return slice(r, n, out);
    case JJ_CALLING: return calling(r, n, out);
    case JJ_FILTER: return filter(r, n, out);
    case JJ_TEST: return test(r, n, out);
    case JJ_UNARY: return unary(r, n, out);
    case JJ_BINARY: return binary(r, n, out);
    case JJ_COMPARE: return compare(r, n, out);
    case JJ_AND:
    case JJ_OR:
    case JJ_TERNARY: return choice(r, n, out);
    default: return literal(r, n, out);
    }
}

/* Chains (a + b + c ...) make trees as deep as they are long. */
wt_status jj_eval(jj_render *r, const jj_node *n, jj_value *out)
{
    if (++r->eval_depth > JJ_MAX_EVAL)
        return jj_refuse(r, WT_ELIMIT, "an expression has more than %d parts in a row", JJ_MAX_EVAL);
    const wt_status st = eval(r, n, out);
    r->eval_depth--;
    return st;
}
