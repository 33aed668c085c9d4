/* svg_panel.h - one graph made ready for drawing: what stands in the boxes, which lines join them, where all of it
 * goes. */
#ifndef WT_SVG_PANEL_H
#define WT_SVG_PANEL_H
#include "model/drawing.h"
#include "model/graph_impl.h"
#include "model/print.h"

enum { WT_SVG_LINES = 4 };

typedef struct wt_svg_box {
    const char *style;               /* CSS class */
    const char *lines[WT_SVG_LINES]; /* the first is the heading */
    size_t n_lines;
    const char *title;   /* all of it, shown when the pointer rests on the box */
    const wt_node *link; /* has subgraphs, drawn elsewhere; NULL: none */
    double width;        /* drawn; the layout may give it more room */
    bool round;
} wt_svg_box;

/* The line of a value, from its box to all that use it: a bundle of the drawing. */
typedef struct wt_svg_line {
    const wt_value *value;
    size_t box;
    double offset;     /* from the box's centre */
    const char *label; /* NULL: none */
    bool dashed;       /* into a subgraph */
} wt_svg_line;

typedef struct wt_svg_panel {
    wt_arena arena;    /* texts */
    wt_svg_box *boxes; /* as in the drawing */
    size_t cap_boxes;
    wt_svg_line *lines; /* one for each bundle */
    size_t n_lines, cap_lines;
    double *ends; /* of each arrow: offset from its target's centre */
    wt_drawing drawing;
} wt_svg_panel;

/* By value id, over the root: which box a value comes from in the panel at hand. */
typedef struct wt_svg_sources {
    size_t *line;    /* + 1; 0: none yet */
    uint32_t *stamp; /* the node that was last found to use the value from inside, + 1 */
} wt_svg_sources;

/* Frees nothing on failure: wt_svg_panel_free does, in both cases. */
wt_status wt_svg_panel_make(wt_svg_panel *panel, const wt_graph *graph, const wt_svg_sources *sources, wt_err *err);
void wt_svg_panel_free(wt_svg_panel *panel);

/* svg_box.c */
wt_status wt_svg_box_of_node(wt_svg_box *out, wt_arena *arena, const wt_node *node, wt_err *err);
wt_status wt_svg_box_of_value(wt_svg_box *out, wt_arena *arena, const wt_value *value, const char *kind, wt_err *err);
/* "1x64x56x56", "3 int64"; NULL: out of memory. */
const char *wt_svg_label(wt_arena *arena, const wt_value *value, wt_err *err);
double wt_svg_text_width(const char *text, bool heading);
#endif
