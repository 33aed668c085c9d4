/* print_svg.c - a graph as a picture for any browser: boxes by kind of operator, arrows with shapes, one panel for the
 * graph and one for each subgraph, linked from the box that owns it. No script, no font to fetch, light and dark by the
 * reader's preference. drawing.h says where things go; svg_box.c what stands in a box; here the result becomes SVG.
 *
 * Coordinates are whole pixels, printed as integers, because a locale could put commas into fractions. */
#include "model/svg_panel.h"
#include <stdio.h>

enum { MARGIN = 24, HEAD = 56, PANEL_GAP = 48, LABEL_DROP = 13 };

static const char style[] =
    "text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans "
    "Mono\",monospace;fill:#57606a;text-anchor:middle}\n"
    ".o{font-size:13px;font-weight:600;fill:#1f2328}.h{font-size:15px;font-weight:600;fill:#1f2328;text-anchor:start}\n"
    ".s{text-anchor:start}.l{fill:#57606a;stroke:#fff;stroke-width:4px;paint-order:stroke}\n"
    ".bg{fill:#fff}.b{stroke:#8c959f;stroke-width:1}.e{fill:none;stroke:#8c959f;stroke-width:1.2}.d{stroke-dasharray:4 "
    "3}\n"
    ".a{fill:#8c959f}a .o{text-decoration:underline}\n"
    ".linear{fill:#cfe4ff}.act{fill:#d3f5d8}.arith{fill:#fff4c2}.norm{fill:#cdf2ee}.pool{fill:#ffe0c7}.move{fill:#"
    "eceff2}\n"
    ".quant{fill:#e7dcff}.control{fill:#ffd6d9}.ml{fill:#fbdcf0}.unknown{fill:#fff;stroke:#cf222e;stroke-width:2}.io{"
    "fill:#f6f8fa}\n"
    "@media(prefers-color-scheme:dark){text,.l{fill:#9198a1}.o,.h{fill:#f0f6fc}.l{stroke:#0d1117}.bg{fill:#0d1117}\n"
    ".b,.e{stroke:#656c76}.a{fill:#656c76}.linear{fill:#12365f}.act{fill:#14432a}.arith{fill:#4a3b00}.norm{fill:#"
    "0f4540}\n"
    ".pool{fill:#5a3013}.move{fill:#262c36}.quant{fill:#3c2a6b}.control{fill:#611f27}.ml{fill:#581f46}.unknown{fill:#"
    "0d1117}\n"
    ".io{fill:#151b23}}\n";

static long px(double v) { return (long)(v < 0 ? v - 0.5 : v + 0.5); }

/* --- arrows --------------------------------------------------------------------------------------------------------
 */
typedef struct point {
    double x, y;
} point;

static void curve_to(wt_buf *out, point a, point b)
{
    const long middle = px((a.y + b.y) / 2);
    wt_buf_printf(out, "C%ld %ld %ld %ld %ld %ld", px(a.x), middle, px(b.x), middle, px(b.x), px(b.y));
}

static point box_bottom(const wt_svg_panel *p, size_t box, double offset)
{
    const wt_box *b = &p->drawing.boxes[box];
    return (point){ b->x + offset, p->drawing.layer_y[b->layer] + b->height };
}

static point box_top(const wt_svg_panel *p, size_t box, double offset)
{
    const wt_box *b = &p->drawing.boxes[box];
    return (point){ b->x + offset, p->drawing.layer_y[b->layer] };
}

/* The shared line of a bundle through its way points, each crossed straight down the height of its layer. */
static void put_chain(wt_buf *out, const wt_svg_panel *p, size_t bundle)
{
    const wt_drawing *d = &p->drawing;
    const wt_svg_line *line = &p->lines[bundle];
    point at = box_bottom(p, line->box, line->offset);
    size_t layer = d->boxes[line->box].layer + 1;
    wt_buf_printf(out, "<path class=\"e%s\" d=\"M%ld %ld", line->dashed ? " d" : "", px(at.x), px(at.y));
    for (size_t k = d->first_point[bundle]; k < d->first_point[bundle + 1]; k++, layer++) {
        const point top = { d->points[k], d->layer_y[layer] };
        curve_to(out, at, top);
        at = (point){ top.x, top.y + d->layer_height[layer] };
        wt_buf_printf(out, "V%ld", px(at.y));
    }
    wt_buf_puts(out, "\"/>\n");
}

/* From the last stop to the target. */
static void put_arrow(wt_buf *out, const wt_svg_panel *p, size_t index)
{
    const wt_drawing *d = &p->drawing;
    const wt_arrow *a = &d->arrows[index];
    const wt_svg_line *line = &p->lines[a->bundle];
    const size_t from = d->boxes[a->from].layer, span = d->boxes[a->to].layer - from - 1;
    const size_t first = d->first_point[a->bundle], count = d->first_point[a->bundle + 1] - first;
    point at = box_bottom(p, a->from, line->offset), end = box_top(p, a->to, p->ends[index]);
    if (span && count >= span)
        at = (point){ d->points[first + span - 1], d->layer_y[from + span] + d->layer_height[from + span] };
    end.y -= 5; /* the head's length */
    wt_buf_printf(out, "<path class=\"e%s\" marker-end=\"url(#arrow)\" d=\"M%ld %ld", line->dashed ? " d" : "",
                  px(at.x), px(at.y));
    curve_to(out, at, end);
    wt_buf_puts(out, "\"/>\n");
}

static wt_status put_arrows(wt_buf *out, const wt_svg_panel *p, wt_err *err)
{
    for (size_t b = 0; b < p->drawing.n_bundles; b++)
        if (p->drawing.first_point[b + 1] > p->drawing.first_point[b])
            put_chain(out, p, b);
    for (size_t i = 0; i < p->drawing.n_arrows; i++)
        put_arrow(out, p, i);
    for (size_t b = 0; b < p->drawing.n_bundles; b++) {
        const point at = box_bottom(p, p->lines[b].box, p->lines[b].offset);
        if (!p->lines[b].label)
            continue;
        wt_buf_printf(out, "<text class=\"l\" x=\"%ld\" y=\"%ld\">", px(at.x), px(at.y) + LABEL_DROP);
        wt_print_escaped(out, p->lines[b].label, strlen(p->lines[b].label), WT_ESCAPE_XML);
        wt_buf_puts(out, "</text>\n");
    }
    return wt_buf_status(out, err);
}

/* --- boxes
 * ------------------------------------------------------------------------------------------------------------ */
static void put_box(wt_buf *out, const wt_svg_panel *p, size_t index)
{
    const wt_svg_box *box = &p->boxes[index];
    const wt_box *place = &p->drawing.boxes[index];
    const point top = box_top(p, index, 0);
    wt_buf_puts(out, "<g><title>");
    wt_print_escaped(out, box->title, strlen(box->title), WT_ESCAPE_XML);
    wt_buf_puts(out, "</title>");
    if (box->link)
        wt_buf_printf(out, "<a href=\"#s%u\">", box->link->id);
    wt_buf_printf(out, "<rect class=\"b %s\" x=\"%ld\" y=\"%ld\" width=\"%ld\" height=\"%ld\" rx=\"%d\"/>", box->style,
                  px(top.x - box->width / 2), px(top.y), px(box->width), px(place->height), box->round ? 13 : 4);
    for (size_t i = 0; i < box->n_lines; i++) {
        wt_buf_printf(out, "<text%s x=\"%ld\" y=\"%ld\">", i ? "" : " class=\"o\"", px(top.x),
                      px(top.y) + 17 + 15 * (long)i);
        wt_print_escaped(out, box->lines[i], strlen(box->lines[i]), WT_ESCAPE_XML);
        wt_buf_puts(out, "</text>");
    }
    wt_buf_puts(out, box->link ? "</a></g>\n" : "</g>\n");
}

/* --- panels
 * ------------------------------------------------------------------------------------------------------------- */
typedef struct page {
    wt_buf body;
    wt_svg_sources sources;
    double width, height;
    wt_err *err;
} page;

static wt_status put_panel(page *pg, const wt_graph *graph, const char *title, const char *id)
{
    wt_svg_panel panel;
    wt_buf *out = &pg->body;
    wt_status st = wt_svg_panel_make(&panel, graph, &pg->sources, pg->err);
    if (st == WT_OK) {
        const double right = MARGIN * 2 + panel.drawing.width;
        wt_buf_printf(out, "<g id=\"%s\" transform=\"translate(%d %ld)\">\n<text class=\"h\" y=\"12\">", id, MARGIN,
                      px(pg->height) + MARGIN);
        wt_print_escaped(out, title, strlen(title), WT_ESCAPE_XML);
        wt_buf_printf(out, "</text><text class=\"s\" y=\"30\">%zu nodes</text>\n<g transform=\"translate(0 %d)\">\n",
                      graph->n_nodes, HEAD);
        st = put_arrows(out, &panel, pg->err);
        for (size_t i = 0; i < panel.drawing.n_boxes; i++)
            put_box(out, &panel, i);
        wt_buf_puts(out, "</g></g>\n");
        pg->width = pg->width > right ? pg->width : right;
        pg->height += MARGIN + HEAD + panel.drawing.height + PANEL_GAP;
    }
    wt_svg_panel_free(&panel);
    return st == WT_OK ? wt_buf_status(out, pg->err) : st;
}

static wt_status put_subgraphs(page *pg, const wt_graph *graph);

static wt_status put_subgraph(page *pg, const wt_node *owner, const char *attr, const wt_graph *sub, size_t index)
{
    char title[256], id[48];
    snprintf(title, sizeof title, "%s of %s %s", attr, owner->op_type, owner->name);
    snprintf(id, sizeof id, "s%u%s", owner->id, index ? "_" : ""); /* the box links to the first */
    if (index)
        snprintf(id + strlen(id), sizeof id - strlen(id), "%zu", index);
    WT_TRY(put_panel(pg, sub, title, id));
    return put_subgraphs(pg, sub);
}

static wt_status put_subgraphs(page *pg, const wt_graph *graph)
{
    for (const wt_node *node = graph->first; node; node = node->next) {
        size_t index = 0;
        for (size_t i = 0; i < node->attrs.count; i++) {
            const wt_attr *a = &node->attrs.items[i];
            if (a->type == WT_ATTR_GRAPH)
                WT_TRY(put_subgraph(pg, node, a->name, a->v.graph, index++));
            for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
                WT_TRY(put_subgraph(pg, node, a->name, a->v.graphs[k], index++));
        }
    }
    return WT_OK;
}

static void put_page(wt_buf *out, const page *pg, const char *name)
{
    const long w = px(pg->width < 320 ? 320 : pg->width), h = px(pg->height);
    wt_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%ld\" height=\"%ld\" viewBox=\"0 0 %ld %ld\" "
                  "role=\"img\">\n<title>",
                  w, h, w, h);
    wt_print_escaped(out, name, strlen(name), WT_ESCAPE_XML);
    wt_buf_printf(
        out,
        "</title>\n<style>\n%s</style>\n"
        "<defs><marker id=\"arrow\" viewBox=\"0 0 6 6\" refX=\"0\" refY=\"3\" markerWidth=\"6\" markerHeight=\"6\" "
        "orient=\"auto\" markerUnits=\"userSpaceOnUse\"><path class=\"a\" d=\"M0 0L6 3L0 6z\"/></marker></defs>\n"
        "<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n",
        style);
    wt_buf_add(out, pg->body.data, pg->body.len);
    wt_buf_puts(out, "</svg>\n");
}

wt_status wt_graph_print_svg(const wt_graph *graph, wt_buf *out, wt_err *err)
{
    wt_context *ctx = graph->root->ctx;
    const char *name = graph->name[0] ? graph->name : "graph";
    page pg = { .err = err };
    wt_buf_init(&pg.body, ctx);
    pg.sources.line = wt_alloc(ctx, graph->root->next_value_id, sizeof *pg.sources.line, err);
    pg.sources.stamp = wt_alloc(ctx, graph->root->next_value_id, sizeof *pg.sources.stamp, err);
    wt_status st = pg.sources.line && pg.sources.stamp ? WT_OK : WT_ENOMEM;
    if (st == WT_OK)
        st = put_panel(&pg, graph, name, "graph");
    if (st == WT_OK)
        st = put_subgraphs(&pg, graph);
    if (st == WT_OK) {
        put_page(out, &pg, name);
        st = wt_buf_status(out, err);
    }
    wt_free(ctx, pg.sources.line);
    wt_free(ctx, pg.sources.stamp);
    wt_buf_free(&pg.body);
    return st;
}
