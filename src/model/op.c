/* op.c - the operator table.
 *
 * Finding a row by name happens once per node of a file. The rows stand in the order of ops.def, for readers; a compact
 * array of the names' lengths, known at compile time, rules out nine rows in ten before any string is compared, which
 * needs neither a sorted copy nor a table built (and guarded) at run time. */
#include "model/op.h"

static const wt_op ops[WT_OP_COUNT] = {
#define X(id, name, domain, min_in, max_in, min_out, max_out, infer, flags)                                            \
    [WT_OP_##id] = { WT_OP_##id, name, domain, min_in, max_in, min_out, max_out, wt_infer_##infer, flags },
#include "model/ops.def"
#undef X
};

static const uint8_t lengths[WT_OP_COUNT] = {
#define X(id, name, domain, min_in, max_in, min_out, max_out, infer, flags) [WT_OP_##id] = sizeof name - 1,
#include "model/ops.def"
#undef X
};

const wt_op *wt_op_get(wt_opcode code) { return code > WT_OP_UNKNOWN && code < WT_OP_COUNT ? &ops[code] : NULL; }

const wt_op *wt_op_find(const char *domain, const char *name)
{
    const size_t len = strlen(name);
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t i = WT_OP_UNKNOWN + 1; i < WT_OP_COUNT; i++)
        if (lengths[i] == len && memcmp(ops[i].name, name, len) == 0 && strcmp(ops[i].domain, domain) == 0)
            return &ops[i];
    return NULL;
}

/* The rule of operators whose outputs follow from something else than their inputs (the control operators, which
 * graph_infer.c handles): everything stays unknown. */
wt_status wt_infer_none(wt_infer *c, wt_err *err)
{
    (void)c;
    (void)err;
    return WT_OK;
}
