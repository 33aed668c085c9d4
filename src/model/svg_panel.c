/* svg_panel.c - from a graph to boxes and arrows.
 *
 * Constants are written into the boxes that use them. A value of an outer graph gets a box of its own where it comes
 * in; what a subgraph uses of the graph at hand is an arrow, dashed, to the node that owns the subgraph. */
#include "model/svg_panel.h"

enum { LABEL_GAP = 10, MOST_LABELS = 8 };

typedef struct panel_maker {
    wt_svg_panel *panel;
    const wt_graph *graph;
    const wt_svg_sources *sources;
    wt_err *err;
    size_t *targets; /* lines that go to the box being made */
    size_t n_targets, cap_targets;
    const wt_node *node; /* whose subgraphs are searched */
    wt_status status;
} panel_maker;

static wt_status add_box(panel_maker *m, const wt_svg_box *box, size_t *index)
{
    wt_svg_panel *p = m->panel;
    wt_context *ctx = p->arena.ctx;
    WT_TRY(wt_grow(ctx, (void **)&p->boxes, &p->cap_boxes, p->drawing.n_boxes + 1, sizeof *p->boxes, m->err));
    p->boxes[p->drawing.n_boxes] = *box;
    return wt_drawing_box(&p->drawing, box->width, 10 + 15 * (double)box->n_lines, index, m->err);
}

/* v comes from box `box`: its line, without arrows yet. */
static wt_status add_line(panel_maker *m, const wt_value *v, size_t box)
{
    wt_svg_panel *p = m->panel;
    WT_TRY(wt_grow(p->arena.ctx, (void **)&p->lines, &p->cap_lines, p->n_lines + 1, sizeof *p->lines, m->err));
    p->lines[p->n_lines] = (wt_svg_line){ .value = v, .box = box };
    m->sources->line[v->id] = ++p->n_lines;
    return WT_OK;
}

static wt_status add_value_box(panel_maker *m, const wt_value *v, const char *kind)
{
    wt_svg_box box;
    size_t index;
    WT_TRY(wt_svg_box_of_value(&box, &m->panel->arena, v, kind, m->err));
    WT_TRY(add_box(m, &box, &index));
    return add_line(m, v, index);
}

/* Whether the line known for v is of this panel: numbers of earlier panels are still in the table. */
static bool has_line(const panel_maker *m, const wt_value *v)
{
    const size_t line = m->sources->line[v->id];
    return line && line <= m->panel->n_lines && m->panel->lines[line - 1].value == v;
}

static wt_status need_line(panel_maker *m, const wt_value *v, bool dashed)
{
    if (!has_line(m, v))
        WT_TRY(add_value_box(m, v, wt_value_is_const(v) ? "constant" : "from outside"));
    const size_t line = m->sources->line[v->id] - 1;
    WT_TRY(wt_grow(m->panel->arena.ctx, (void **)&m->targets, &m->cap_targets, m->n_targets + 1, sizeof *m->targets,
                   m->err));
    m->targets[m->n_targets++] = line;
    m->panel->lines[line].dashed |= dashed;
    return WT_OK;
}

/* --- what subgraphs use ------------------------------------------------------------------------------------------- */
static bool inside(const wt_graph *graph, const wt_graph *outer)
{
    while (graph && graph != outer)
        graph = graph->parent;
    return graph == outer;
}

static bool search_sub(void *arg, wt_graph *sub)
{
    panel_maker *m = arg;
    for (const wt_node *node = sub->first; node; node = node->next) {
        for (size_t i = 0; i < node->n_in; i++) {
            const wt_value *v = node->in[i];
            /* Defined in the panel's graph or further out: not inside a subgraph of it. */
            if (!v || wt_value_is_const(v) || !inside(m->graph, v->graph) ||
                m->sources->stamp[v->id] == m->node->id + 1)
                continue;
            m->sources->stamp[v->id] = m->node->id + 1;
            m->status = need_line(m, v, true);
            if (m->status != WT_OK)
                return false;
        }
        if (!wt_node_subgraphs(node, search_sub, m))
            return false;
    }
    return true;
}

/* --- boxes ---------------------------------------------------------------------------------------------------------
 */
static wt_status add_arrows(panel_maker *m, size_t box)
{
    for (size_t i = 0; i < m->n_targets; i++)
        WT_TRY(wt_drawing_arrow(&m->panel->drawing, m->panel->lines[m->targets[i]].box, box, m->targets[i], m->err));
    m->n_targets = 0;
    return WT_OK;
}

static wt_status add_node(panel_maker *m, const wt_node *node)
{
    wt_svg_box box;
    size_t index;
    WT_TRY(wt_svg_box_of_node(&box, &m->panel->arena, node, m->err));
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !wt_value_is_const(node->in[i]))
            WT_TRY(need_line(m, node->in[i], false));
    m->node = node;
    if (!wt_node_subgraphs(node, search_sub, m))
        return m->status;
    WT_TRY(add_box(m, &box, &index));
    WT_TRY(add_arrows(m, index));
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && (node->out[i]->n_uses || node->out[i]->is_output))
            WT_TRY(add_line(m, node->out[i], index));
    return WT_OK;
}

static wt_status add_output(panel_maker *m, const wt_value *v)
{
    wt_svg_box box;
    size_t index;
    WT_TRY(need_line(m, v, false));
    WT_TRY(wt_svg_box_of_value(&box, &m->panel->arena, v, "output", m->err));
    WT_TRY(add_box(m, &box, &index));
    return add_arrows(m, index);
}

/* --- ports and labels ------------------------------------------------------------------------------------------------
 */
/* Labels of a box's lines stand side by side under it, each line leaves above its label. Lines of one box are
 * neighbours in the list. */
static wt_status set_starts(wt_svg_panel *p, wt_err *err)
{
    for (size_t i = 0, end; i < p->n_lines; i = end) {
        double total = 0, at;
        for (end = i; end < p->n_lines && p->lines[end].box == p->lines[i].box; end++)
            continue;
        const bool labels = end - i <= MOST_LABELS;
        for (size_t k = i; k < end; k++) {
            if (labels && !(p->lines[k].label = wt_svg_label(&p->arena, p->lines[k].value, err)))
                return WT_ENOMEM;
            total += labels ? wt_svg_text_width(p->lines[k].label, false) + LABEL_GAP : LABEL_GAP;
        }
        at = -total / 2;
        for (size_t k = i; k < end; k++) {
            const double w = labels ? wt_svg_text_width(p->lines[k].label, false) + LABEL_GAP : LABEL_GAP;
            p->lines[k].offset = end - i == 1 ? 0 : at + w / 2;
            at += w;
        }
        wt_box *box = &p->drawing.boxes[p->lines[i].box];
        if (end - i > 1 && p->boxes[p->lines[i].box].width < total) /* lines must leave from the box itself */
            p->boxes[p->lines[i].box].width = total;
        box->width = box->width > total ? box->width : total;
    }
    return WT_OK;
}

/* Arrows enter a box side by side, in the order of the inputs. Arrows to one box are neighbours in the list. */
static wt_status set_ends(wt_svg_panel *p, wt_err *err)
{
    const wt_drawing *d = &p->drawing;
    if (!(p->ends = wt_alloc(d->ctx, d->n_arrows, sizeof *p->ends, err)))
        return WT_ENOMEM;
    for (size_t i = 0, end; i < d->n_arrows; i = end) {
        for (end = i; end < d->n_arrows && d->arrows[end].to == d->arrows[i].to; end++)
            continue;
        const double room = p->boxes[d->arrows[i].to].width - 20, n = (double)(end - i);
        const double step = n > 1 && room / (n - 1) < 18 ? room / (n - 1) : 18;
        for (size_t k = i; k < end; k++)
            p->ends[k] = ((double)(k - i) - (n - 1) / 2) * step;
    }
    return WT_OK;
}

static wt_status fill(panel_maker *m)
{
    const wt_graph *g = m->graph;
    for (size_t i = 0; i < g->n_inputs; i++)
        WT_TRY(add_value_box(m, g->inputs[i], "input"));
    for (const wt_node *node = g->first; node; node = node->next)
        WT_TRY(add_node(m, node));
    for (size_t i = 0; i < g->n_outputs; i++)
        WT_TRY(add_output(m, g->outputs[i]));
    WT_TRY(set_starts(m->panel, m->err));
    WT_TRY(set_ends(m->panel, m->err));
    return wt_drawing_layout(&m->panel->drawing, m->err);
}

wt_status wt_svg_panel_make(wt_svg_panel *panel, const wt_graph *graph, const wt_svg_sources *sources, wt_err *err)
{
    wt_context *ctx = graph->root->ctx;
    panel_maker m = { .panel = panel, .graph = graph, .sources = sources, .err = err };
    *panel = (wt_svg_panel){ 0 };
    wt_arena_init(&panel->arena, ctx);
    wt_drawing_init(&panel->drawing, ctx);
    const wt_status st = fill(&m);
    wt_free(ctx, m.targets);
    return st;
}

void wt_svg_panel_free(wt_svg_panel *panel)
{
    wt_context *ctx = panel->arena.ctx;
    wt_free(ctx, panel->boxes);
    wt_free(ctx, panel->lines);
    wt_free(ctx, panel->ends);
    wt_drawing_free(&panel->drawing);
    wt_arena_free(&panel->arena);
}
