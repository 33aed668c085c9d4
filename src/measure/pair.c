/* pair.c - see pair.h. */
#include "measure/pair.h"
#include <stdio.h>
#include "measure/open.h"

/* Whether b has a value of this name among the first n. */
static bool listed(wt_value *const *values, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(values[i]->name, name))
            return true;
    return false;
}

static wt_status lacks(wt_err *err, const char *who, const char *kind, const char *name, wt_value *const *has, size_t n)
{
    char list[200] = "";
    for (size_t i = 0; i < n && strlen(list) + 40 < sizeof list; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), " %.100s", has[i]->name);
    const wt_status st = wt_fail(err, WT_EUSAGE, "the %s has no %s '%s'", who, kind, name);
    wt_err_hint(err, "it has:%s", list);
    return st;
}

static wt_status match_inputs(wt_pair *p, wt_err *err)
{
    const wt_graph *a = p->a, *b = p->b;
    for (size_t i = 0; i < b->n_inputs; i++) {
        const wt_value *v = b->inputs[i];
        p->input[i] = wt_input_index(a, v->name);
        if (p->input[i] == SIZE_MAX && a->n_inputs == b->n_inputs &&
            !listed(b->inputs, b->n_inputs, a->inputs[i]->name))
            p->input[i] = i;
        if (p->input[i] == SIZE_MAX && !v->type.data)
            return lacks(err, "reference", "input", v->name, a->inputs, a->n_inputs);
    }
    return WT_OK;
}

static wt_status match_outputs(wt_pair *p, wt_err *err)
{
    const wt_graph *a = p->a, *b = p->b;
    for (size_t i = 0; i < a->n_outputs; i++) {
        p->output[i] = wt_output_index(b, a->outputs[i]->name);
        if (p->output[i] == SIZE_MAX && a->n_outputs == b->n_outputs &&
            !listed(a->outputs, a->n_outputs, b->outputs[i]->name))
            p->output[i] = i;
        if (p->output[i] == SIZE_MAX)
            return lacks(err, "candidate", "output", a->outputs[i]->name, b->outputs, b->n_outputs);
    }
    return WT_OK;
}

wt_status wt_pair_open(wt_pair *p, const wt_graph *a, const wt_graph *b, wt_err *err)
{
    wt_context *ctx = a->ctx;
    *p = (wt_pair){ .a = a, .b = b };
    p->input = wt_alloc(ctx, b->n_inputs, sizeof *p->input, err);
    p->output = p->input ? wt_alloc(ctx, a->n_outputs, sizeof *p->output, err) : NULL;
    p->tensors = p->output ? wt_alloc(ctx, b->n_inputs, sizeof *p->tensors, err) : NULL;
    p->converted = p->tensors ? wt_alloc(ctx, b->n_inputs, sizeof *p->converted, err) : NULL;
    p->cap = p->converted ? wt_alloc(ctx, b->n_inputs, sizeof *p->cap, err) : NULL;
    wt_status st = p->cap ? match_inputs(p, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = match_outputs(p, err);
    if (st != WT_OK)
        wt_pair_close(p);
    return st;
}

void wt_pair_close(wt_pair *p)
{
    if (!p->a)
        return;
    wt_context *ctx = p->a->ctx;
    for (size_t i = 0; p->converted && i < p->b->n_inputs; i++)
        wt_free(ctx, p->converted[i]);
    wt_free(ctx, p->input);
    wt_free(ctx, p->output);
    wt_free(ctx, p->tensors);
    wt_free(ctx, p->converted);
    wt_free(ctx, p->cap);
    *p = (wt_pair){ 0 };
}

static wt_status convert(wt_pair *p, size_t i, const wt_tensor *from, wt_dtype to, wt_err *err)
{
    int64_t count;
    size_t bytes;
    wt_tensor *t = &p->tensors[i];
    if (!wt_shape_count(&from->shape, &count) || !wt_dtype_bytes(to, (uint64_t)count, &bytes))
        return wt_fail(err, WT_EUSAGE, "input '%s' has no known size", p->b->inputs[i]->name);
    WT_TRY(wt_grow(p->a->ctx, &p->converted[i], &p->cap[i], bytes ? bytes : 1, 1, err));
    *t = *from;
    t->dtype = to;
    t->data = p->converted[i];
    t->bytes = bytes;
    return wt_convert(from->data, from->dtype, p->converted[i], to, (size_t)count, true, err);
}

wt_status wt_pair_inputs(wt_pair *p, const wt_tensor *a_inputs, const wt_tensor **b_inputs, wt_err *err)
{
    for (size_t i = 0; i < p->b->n_inputs; i++) {
        const wt_value *v = p->b->inputs[i];
        const wt_tensor *from = p->input[i] == SIZE_MAX ? NULL : &a_inputs[p->input[i]];
        p->tensors[i] = from ? *from : v->type;
        if (!from || !from->data)
            p->tensors[i].data = NULL;
        else if (from->dtype != v->type.dtype && from->dtype != WT_STRING && v->type.dtype != WT_STRING)
            WT_TRY(convert(p, i, from, v->type.dtype, err));
    }
    *b_inputs = p->tensors;
    return WT_OK;
}
