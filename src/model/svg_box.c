/* svg_box.c - what stands in a box: the operator, its weights' shapes, and the attributes that are not the default. */
#include "model/svg_panel.h"

enum { LONGEST = 40 /* characters of a line */ };

/* --- text ------------------------------------------------------------------------------------------------------ */
static bool starts_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

double wt_svg_text_width(const char *text, bool heading)
{
    size_t n = 0;
    for (; *text; text++)
        n += starts_character(*text);
    return (double)n * (heading ? 7.9 : 6.7);
}

/* The buffer's text in the arena, cut to LONGEST characters unless `whole`; frees the buffer. */
static const char *keep(wt_buf *buf, wt_arena *arena, bool whole, wt_err *err)
{
    size_t n = 0, len = 0;
    const char *text = NULL;
    if (wt_buf_status(buf, err) == WT_OK) {
        while (len < buf->len && (whole || n < LONGEST || !starts_character(buf->data[len]))) {
            n += starts_character(buf->data[len]);
            len++;
        }
        text = len == buf->len ? wt_arena_strndup(arena, buf->data ? buf->data : "", len, err)
                               : wt_arena_printf(arena, err, "%.*s\xe2\x80\xa6", (int)len, buf->data);
    }
    wt_buf_free(buf);
    return text;
}

/* Names of symbols can be whole formulas: their beginning tells them apart well enough. */
static void put_dim(wt_buf *out, int64_t d, const wt_graph *root)
{
    enum { SHORT = 8 };
    size_t len = 0;
    if (d >= 0) {
        wt_buf_printf(out, "%lld", (long long)d);
        return;
    }
    const char *name = WT_DIM_IS_SYMBOL(d) && WT_DIM_SYMBOL_INDEX(d) < root->n_symbols
                           ? root->symbols[WT_DIM_SYMBOL_INDEX(d)]
                           : "?";
    while (name[len] && (len < SHORT || !starts_character(name[len])))
        len++;
    wt_print_escaped(out, name, len, WT_ESCAPE_QUOTED);
    wt_buf_puts(out, name[len] ? "\xe2\x80\xa6" : "");
}

const char *wt_svg_label(wt_arena *arena, const wt_value *v, wt_err *err)
{
    wt_buf buf;
    wt_buf_init(&buf, arena->ctx);
    if (v->type.shape.rank == 0)
        wt_buf_puts(&buf, "scalar");
    for (int i = 0; i < v->type.shape.rank; i++) {
        wt_buf_puts(&buf, i ? "x" : "");
        put_dim(&buf, v->type.shape.dim[i], v->graph->root);
    }
    if (v->type.shape.rank < 0)
        wt_buf_puts(&buf, "?");
    if (v->quant)
        wt_buf_printf(&buf, " %s", wt_dtype_name(v->quant->dtype));
    else if (v->type.dtype != WT_F32)
        wt_buf_printf(&buf, " %s", wt_dtype_name(v->type.dtype));
    return keep(&buf, arena, false, err);
}

/* --- nodes ------------------------------------------------------------------------------------------------------- */
static const struct {
    wt_opcode code;
    const char *style;
} styles[] = {
    { WT_OP_CONV, "linear" },
    { WT_OP_CONVTRANSPOSE, "linear" },
    { WT_OP_DEFORMCONV, "linear" },
    { WT_OP_MATMUL, "linear" },
    { WT_OP_GEMM, "linear" },
    { WT_OP_EINSUM, "linear" },
    { WT_OP_ATTENTION, "linear" },
    { WT_OP_CONVINTEGER, "linear" },
    { WT_OP_MATMULINTEGER, "linear" },
    { WT_OP_QLINEARCONV, "linear" },
    { WT_OP_QLINEARMATMUL, "linear" },
    { WT_OP_LSTM, "linear" },
    { WT_OP_GRU, "linear" },
    { WT_OP_RNN, "linear" },
    { WT_OP_DYNAMICQUANTIZELSTM, "linear" },
    { WT_OP_MATMULNBITS, "linear" },
    { WT_OP_FUSEDMATMUL, "linear" },
    { WT_OP_GROUPQUERYATTENTION, "linear" },
    { WT_OP_LINEAR, "linear" },
    { WT_OP_QUANTCONV, "linear" },
    { WT_OP_QUANTLINEAR, "linear" },
    { WT_OP_BATCHNORMALIZATION, "norm" },
    { WT_OP_INSTANCENORMALIZATION, "norm" },
    { WT_OP_LAYERNORMALIZATION, "norm" },
    { WT_OP_GROUPNORMALIZATION, "norm" },
    { WT_OP_RMSNORMALIZATION, "norm" },
    { WT_OP_LPNORMALIZATION, "norm" },
    { WT_OP_MEANVARIANCENORMALIZATION, "norm" },
    { WT_OP_LRN, "norm" },
    { WT_OP_SOFTMAX, "act" },
    { WT_OP_LOGSOFTMAX, "act" },
    { WT_OP_HARDMAX, "act" },
    { WT_OP_PRELU, "act" },
    { WT_OP_CAST, "move" },
    { WT_OP_QUANTUNARY, "act" },
    { WT_OP_QUANTBINARY, "arith" },
    { WT_OP_QUANTPOOL, "pool" },
    { WT_OP_MAXPOOL, "pool" },
    { WT_OP_AVERAGEPOOL, "pool" },
    { WT_OP_LPPOOL, "pool" },
    { WT_OP_GLOBALAVERAGEPOOL, "pool" },
    { WT_OP_GLOBALMAXPOOL, "pool" },
    { WT_OP_GLOBALLPPOOL, "pool" },
    { WT_OP_QUANTIZELINEAR, "quant" },
    { WT_OP_DEQUANTIZELINEAR, "quant" },
    { WT_OP_DYNAMICQUANTIZELINEAR, "quant" },
};

static const char *style_of(const wt_node *node)
{
    if (!node->op)
        return "unknown";
    for (size_t i = 0; i < WT_ARRAY_LEN(styles); i++)
        if (styles[i].code == node->op->code)
            return styles[i].style;
    if (node->op->flags & WT_OP_CONTROL)
        return "control";
    if (node->op->flags & WT_OP_UNARY)
        return "act";
    if (node->op->flags & WT_OP_BROADCAST)
        return "arith";
    if (strcmp(node->op->domain, "ai.onnx.ml") == 0)
        return "ml";
    return wt_str_starts(node->op_type, "Reduce") || wt_str_starts(node->op_type, "Arg") ? "pool" : "move";
}

/* Values that say nothing: the defaults of convolution and pooling. */
static bool says_nothing(const wt_attr *a)
{
    if (a->type == WT_ATTR_INT)
        return (strcmp(a->name, "group") == 0 && a->v.i == 1) ||
               (a->v.i == 0 && strcmp(a->name, "axis") && strcmp(a->name, "keepdims"));
    if (a->type == WT_ATTR_STRING)
        return a->v.s.len == 6 && memcmp(a->v.s.data, "NOTSET", 6) == 0;
    if (a->type != WT_ATTR_INTS)
        return a->type == WT_ATTR_GRAPH || a->type == WT_ATTR_GRAPHS;
    const bool ones = strcmp(a->name, "strides") == 0 || strcmp(a->name, "dilations") == 0;
    if (!ones && strcmp(a->name, "pads"))
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->v.ints[i] != ones)
            return false;
    return true;
}

/* Lists of whole numbers, short: 3x3 for a kernel, one number where all are the same. */
static void put_ints(wt_buf *out, const wt_attr *a)
{
    const bool kernel = strcmp(a->name, "kernel_shape") == 0;
    bool same = a->count > 1 &&
                (strcmp(a->name, "strides") == 0 || strcmp(a->name, "pads") == 0 || strcmp(a->name, "dilations") == 0);
    for (size_t k = 1; k < a->count; k++)
        same = same && a->v.ints[k] == a->v.ints[0];
    for (size_t k = 0; k < (same ? 1 : a->count) && k < 9; k++)
        wt_buf_printf(out, "%s%lld", k == 0 ? "" : kernel ? "x" : ",", (long long)a->v.ints[k]);
}

static void put_attrs(wt_buf *out, const wt_node *node)
{
    static const char *const first[] = { "kernel_shape", "strides", "pads", "group" };
    for (size_t i = 0; i < WT_ARRAY_LEN(first) + node->attrs.count && out->len < 4 * LONGEST; i++) {
        const bool leading = i < WT_ARRAY_LEN(first);
        const wt_attr *a = leading ? wt_attr_find(&node->attrs, first[i]) : &node->attrs.items[i - WT_ARRAY_LEN(first)];
        bool done = !a || says_nothing(a);
        for (size_t k = 0; k < WT_ARRAY_LEN(first) && !leading && !done; k++)
            done = strcmp(a->name, first[k]) == 0;
        if (done)
            continue;
        wt_buf_puts(out, out->len ? "  " : "");
        wt_print_name(out, strcmp(a->name, "kernel_shape") ? a->name : "kernel");
        wt_buf_puts(out, " ");
        if (a->type == WT_ATTR_INTS)
            put_ints(out, a);
        else if (a->type == WT_ATTR_INT && wt_node_is(node, WT_OP_CAST) && strcmp(a->name, "to") == 0)
            wt_buf_puts(out, wt_dtype_name(wt_dtype_from_onnx(a->v.i)));
        else
            wt_print_attr(out, a, node->graph->root, 4);
    }
}

/* Shapes of constant inputs; of a single number, the number. */
static void put_constants(wt_buf *out, const wt_node *node)
{
    for (size_t i = 0; i < node->n_in && out->len < 4 * LONGEST; i++) {
        const wt_value *v = node->in[i];
        if (!wt_value_is_const(v))
            continue;
        wt_buf_puts(out, out->len ? "  " : "");
        if (!v->quant && wt_print_elements(out, &v->type, 4))
            continue;
        wt_print_shape(out, &v->type.shape, v->graph->root);
        if (v->type.dtype != WT_F32)
            wt_buf_printf(out, " %s", wt_dtype_name(v->type.dtype));
    }
}

static void put_title(wt_buf *out, const wt_node *node)
{
    wt_print_name(out, node->op_type);
    wt_buf_puts(out, " ");
    wt_print_name(out, node->name);
    for (size_t i = 0; i < node->attrs.count; i++) {
        wt_buf_puts(out, "\n");
        wt_print_name(out, node->attrs.items[i].name);
        wt_buf_puts(out, " = ");
        wt_print_attr(out, &node->attrs.items[i], node->graph->root, 16);
    }
    for (size_t i = 0; i < node->n_in && i < 32; i++) {
        wt_buf_printf(out, "\nin %zu: ", i);
        if (node->in[i]) {
            wt_print_name(out, node->in[i]->name);
            wt_buf_puts(out, " ");
            wt_print_type(out, node->in[i]);
        }
    }
    for (size_t i = 0; i < node->n_out && i < 32; i++) {
        wt_buf_printf(out, "\nout %zu: ", i);
        if (node->out[i]) {
            wt_print_name(out, node->out[i]->name);
            wt_buf_puts(out, " ");
            wt_print_type(out, node->out[i]);
        }
    }
}

typedef void put_fn(wt_buf *out, const wt_node *node);

static void put_heading(wt_buf *out, const wt_node *node)
{
    if (node->domain[0] && strcmp(node->domain, "ai.onnx.ml")) {
        wt_print_name(out, node->domain);
        wt_buf_puts(out, " ");
    }
    wt_print_name(out, node->op_type);
}

/* *out NULL when there is nothing to say. */
static wt_status make_line(const char **out, put_fn *put, const wt_node *node, wt_arena *arena, bool whole, wt_err *err)
{
    wt_buf buf;
    wt_buf_init(&buf, arena->ctx);
    put(&buf, node);
    const bool empty = buf.len == 0 && !buf.failed;
    const char *text = keep(&buf, arena, whole, err);
    *out = empty ? NULL : text;
    return text ? WT_OK : WT_ENOMEM;
}

static void measure(wt_svg_box *box)
{
    for (size_t i = 0; i < box->n_lines; i++) {
        const double w = wt_svg_text_width(box->lines[i], i == 0) + 18;
        box->width = w > box->width ? w : box->width;
    }
}

static bool has_graph(const wt_node *node)
{
    for (size_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].type == WT_ATTR_GRAPH ||
            (node->attrs.items[i].type == WT_ATTR_GRAPHS && node->attrs.items[i].count))
            return true;
    return false;
}

wt_status wt_svg_box_of_node(wt_svg_box *out, wt_arena *arena, const wt_node *node, wt_err *err)
{
    static put_fn *const lines[] = { put_heading, put_constants, put_attrs };
    *out = (wt_svg_box){ .style = style_of(node), .link = has_graph(node) ? node : NULL, .width = 56 };
    for (size_t i = 0; i < WT_ARRAY_LEN(lines); i++) {
        WT_TRY(make_line(&out->lines[out->n_lines], lines[i], node, arena, false, err));
        out->n_lines += out->lines[out->n_lines] != NULL;
    }
    measure(out);
    return make_line(&out->title, put_title, node, arena, true, err);
}

wt_status wt_svg_box_of_value(wt_svg_box *out, wt_arena *arena, const wt_value *v, const char *kind, wt_err *err)
{
    wt_buf name, title;
    *out = (wt_svg_box){ .style = "io", .round = true, .width = 56 };
    wt_buf_init(&name, arena->ctx);
    wt_print_name(&name, v->name);
    out->lines[0] = keep(&name, arena, false, err);
    out->lines[1] = kind;
    out->n_lines = 2;
    wt_buf_init(&title, arena->ctx);
    wt_buf_printf(&title, "%s ", kind);
    wt_print_name(&title, v->name);
    wt_buf_puts(&title, " ");
    wt_print_type(&title, v);
    out->title = keep(&title, arena, true, err);
    if (!out->lines[0] || !out->title)
        return WT_ENOMEM;
    measure(out);
    return WT_OK;
}
