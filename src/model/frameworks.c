/* frameworks.c - holds a graph against the table of what other frameworks refuse.
 *
 * Three things are not in the table because they are no operator's fault: a file of a format that the framework does
 * not read, operators of a vendor's domain, and If whose outputs have no rank before it runs, which OpenVINO cannot
 * convert. */
#include "model/frameworks.h"
#include <stdio.h>
#include "base/str.h"

typedef enum framework_id {
#define FRAMEWORK(id, name, version, reads) id,
#define OPERATOR(id, domain, op, from, attr, value, reason)
#define ELEMENTS(id, dtype, reason)
#include "model/frameworks.def"
#undef FRAMEWORK
#undef OPERATOR
#undef ELEMENTS
    N_FRAMEWORKS
} framework_id;

static const struct {
    const char *name, *version, *reads;
} frameworks[] = {
#define FRAMEWORK(id, name, version, reads) { name, version, reads },
#define OPERATOR(id, domain, op, from, attr, value, reason)
#define ELEMENTS(id, dtype, reason)
#include "model/frameworks.def"
#undef FRAMEWORK
#undef OPERATOR
#undef ELEMENTS
};

typedef struct operator_row {
    framework_id framework;
    const char *domain, *op;
    int64_t from;
    const char *attr;
    int64_t value;
    const char *reason;
} operator_row;
static const operator_row operators[] = {
#define FRAMEWORK(id, name, version, reads)
#define OPERATOR(id, domain, op, from, attr, value, reason) { id, domain, op, from, attr, value, reason },
#define ELEMENTS(id, dtype, reason)
#include "model/frameworks.def"
#undef FRAMEWORK
#undef OPERATOR
#undef ELEMENTS
};

typedef struct element_row {
    framework_id framework;
    wt_dtype dtype;
    const char *reason;
} element_row;
static const element_row elements[] = {
#define FRAMEWORK(id, name, version, reads)
#define OPERATOR(id, domain, op, from, attr, value, reason)
#define ELEMENTS(id, dtype, reason) { id, WT_##dtype, reason },
#include "model/frameworks.def"
#undef FRAMEWORK
#undef OPERATOR
#undef ELEMENTS
};

typedef struct judge {
    const wt_graph *root;
    wt_arena *arena;
    wt_verdict *verdicts;
    int64_t opset; /* of ai.onnx, as the file says */
} judge;

/* One more node of this kind; a new reason is a new obstacle. */
static wt_status object(judge *j, framework_id f, const char *domain, const char *op, wt_fit fit, const char *reason,
                        wt_err *err)
{
    wt_verdict *v = &j->verdicts[f];
    v->framework.fit = v->framework.fit > fit ? v->framework.fit : fit;
    for (size_t i = 0; i < v->framework.obstacles; i++) {
        wt_obstacle *o = &v->obstacles[i];
        if (strcmp(o->op, op) == 0 && strcmp(o->domain, domain) == 0 &&
            strncmp(o->reason, reason, sizeof o->reason - 1) == 0) {
            o->count++;
            return WT_OK;
        }
    }
    if (v->framework.obstacles == v->cap) {
        const size_t cap = v->cap ? 2 * v->cap : 4;
        wt_obstacle *grown = wt_arena_alloc(j->arena, cap, sizeof *grown, err);
        if (!grown)
            return WT_ENOMEM;
        if (v->cap)
            memcpy(grown, v->obstacles, v->cap * sizeof *grown);
        v->obstacles = grown;
        v->cap = cap;
    }
    wt_obstacle *o = &v->obstacles[v->framework.obstacles++];
    *o = (wt_obstacle){ .op = op, .domain = domain, .count = op[0] ? 1 : 0 };
    snprintf(o->reason, sizeof o->reason, "%s", reason);
    return WT_OK;
}

static bool reads_onnx(framework_id f) { return strcmp(frameworks[f].reads, "onnx") == 0; }

static wt_status judge_operator(judge *j, const wt_node *node, wt_err *err)
{
    enum { WRITTEN_OPSET = 21 /* what this library writes: newer forms disappear by converting */ };
    for (size_t i = 0; i < WT_ARRAY_LEN(operators); i++) {
        const operator_row *row = &operators[i];
        if (strcmp(row->op, node->op_type) || strcmp(row->domain, node->domain) ||
            (row->from && j->opset < row->from) ||
            (row->attr && wt_attr_int(&node->attrs, row->attr, ~row->value) != row->value))
            continue;
        WT_TRY(object(j, row->framework, node->domain, node->op_type,
                      row->from > WRITTEN_OPSET ? WT_FIT_CONVERT : WT_FIT_NO, row->reason, err));
    }
    return WT_OK;
}

static bool is_custom(const char *domain)
{
    return domain[0] && strcmp(domain, "ai.onnx.ml") && strcmp(domain, "com.microsoft") &&
           !wt_str_starts(domain, "ai.onnx.preview") && strcmp(domain, "whet");
}

static wt_status judge_elements(judge *j, const wt_node *node, const wt_value *v, wt_err *err)
{
    for (size_t i = 0; v && i < WT_ARRAY_LEN(elements); i++)
        if (elements[i].dtype == v->type.dtype)
            WT_TRY(object(j, elements[i].framework, node->domain, node->op_type, WT_FIT_NO, elements[i].reason, err));
    return WT_OK;
}

static bool lacks_rank(const wt_node *node)
{
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && node->out[i]->type.shape.rank < 0)
            return true;
    return false;
}

static wt_status judge_node(void *arg, wt_node *node, wt_err *err)
{
    judge *j = arg;
    WT_TRY(judge_operator(j, node, err));
    for (size_t i = 0; i < node->n_in; i++)
        WT_TRY(judge_elements(j, node, node->in[i], err));
    for (size_t i = 0; i < node->n_out; i++)
        WT_TRY(judge_elements(j, node, node->out[i], err));
    if (wt_node_is(node, WT_OP_IF) && lacks_rank(node))
        WT_TRY(object(j, OPENVINO, "", node->op_type, WT_FIT_NO, "the rank of its output is only known when it runs",
                      err));
    for (framework_id f = 0; f < N_FRAMEWORKS && is_custom(node->domain); f++)
        if (reads_onnx(f))
            WT_TRY(object(j, f, node->domain, node->op_type, WT_FIT_NO, "an operator that needs its maker's extension",
                          err));
    return WT_OK;
}

wt_status wt_graph_frameworks(const wt_graph *graph, wt_arena *arena, wt_verdict **out, size_t *count, wt_err *err)
{
    judge j = { .root = graph->root, .arena = arena, .opset = wt_graph_opset(graph, "") };
    j.verdicts = wt_arena_alloc(arena, N_FRAMEWORKS, sizeof *j.verdicts, err);
    if (!j.verdicts)
        return WT_ENOMEM;
    for (framework_id f = 0; f < N_FRAMEWORKS; f++) {
        char reason[96];
        j.verdicts[f].framework = (wt_framework){ .name = frameworks[f].name, .version = frameworks[f].version };
        if (strcmp(frameworks[f].reads, graph->root->format) == 0)
            continue;
        snprintf(reason, sizeof reason, "reads %s files, not %s", frameworks[f].reads, graph->root->format);
        WT_TRY(object(&j, f, "", "", WT_FIT_NO, reason, err));
    }
    WT_TRY(wt_graph_visit(graph->root, judge_node, &j, err));
    *out = j.verdicts;
    *count = N_FRAMEWORKS;
    return WT_OK;
}
