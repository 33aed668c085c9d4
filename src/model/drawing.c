/* drawing.c - layers, order and coordinates of a drawing, see drawing.h. */
#include "model/drawing.h"
#include <stdlib.h>

enum {
    MOST_POINTS = 200000, /* way points; a graph that wants more gets straight lines for the longest arrows */
    ORDER_ROUNDS = 12,
    PLACE_ROUNDS = 100,
    FEWER_ROUNDS = 30, /* of large graphs */
    LARGE = 20000
};

/* A vertex is a box or a way point; segments join vertices of neighbouring layers. */
typedef struct vertex {
    size_t layer;
    double half; /* half the width, with half the gap */
    double x;
    double key;   /* for sorting */
    size_t place; /* in its layer's order */
    bool point;
} vertex;

typedef struct segment {
    size_t up, down; /* vertices */
} segment;

typedef struct layout {
    wt_drawing *d;
    wt_err *err;
    vertex *v;
    size_t n;
    segment *segments;
    size_t n_segments;
    size_t *order, *layer_first; /* vertices by layer: order[layer_first[l] .. layer_first[l + 1]) */
    size_t *best;                /* the order with the fewest crossings */
    size_t *above, *above_first; /* neighbours in the layer above: above[above_first[v] ..] */
    size_t *below, *below_first;
    size_t *tree;                   /* for counting crossings */
    double *pool_sum, *pool_weight; /* for placing */
    size_t *pool_count;
} layout;

void wt_drawing_init(wt_drawing *d, wt_context *ctx)
{
    *d = (wt_drawing){ .ctx = ctx, .layer_gap = 44, .box_gap = 24, .line_gap = 12 };
}

void wt_drawing_free(wt_drawing *d)
{
    wt_free(d->ctx, d->boxes);
    wt_free(d->ctx, d->arrows);
    wt_free(d->ctx, d->layer_y);
    wt_free(d->ctx, d->layer_height);
    wt_free(d->ctx, d->points);
    wt_free(d->ctx, d->first_point);
    wt_drawing_init(d, d->ctx);
}

wt_status wt_drawing_box(wt_drawing *d, double width, double height, size_t *index, wt_err *err)
{
    WT_TRY(wt_grow(d->ctx, (void **)&d->boxes, &d->cap_boxes, d->n_boxes + 1, sizeof *d->boxes, err));
    *index = d->n_boxes;
    d->boxes[d->n_boxes++] = (wt_box){ .width = width, .height = height };
    return WT_OK;
}

wt_status wt_drawing_arrow(wt_drawing *d, size_t from, size_t to, size_t bundle, wt_err *err)
{
    WT_TRY(wt_grow(d->ctx, (void **)&d->arrows, &d->cap_arrows, d->n_arrows + 1, sizeof *d->arrows, err));
    d->arrows[d->n_arrows++] = (wt_arrow){ from, to, bundle };
    d->n_bundles = bundle >= d->n_bundles ? bundle + 1 : d->n_bundles;
    return WT_OK;
}

/* --- layers --------------------------------------------------------------------------------------------------------
 */
/* Targets of each box: to[first[b] .. first[b + 1]). */
typedef struct targets {
    size_t *first, *to;
    size_t *sources; /* how many arrows lead to each box */
    bool *hangs;     /* whatever leads to the box leads nowhere else: it can move with it */
} targets;

static void make_targets(const wt_drawing *d, targets *t)
{
    for (size_t i = 0; i < d->n_arrows; i++)
        t->first[d->arrows[i].from + 1]++;
    for (size_t b = 0; b < d->n_boxes; b++)
        t->first[b + 1] += t->first[b];
    for (size_t i = d->n_arrows; i-- > 0;)
        t->to[--t->first[d->arrows[i].from + 1]] = d->arrows[i].to;
    memmove(t->first, t->first + 1, d->n_boxes * sizeof *t->first);
    t->first[d->n_boxes] = d->n_arrows;
}

/* Longest path from above; then, from below, everything moves down as far as it can where that makes more arrows
 * shorter than longer: inputs, constants, and whole branches that hang on one box alone. */
static void assign_layers(wt_drawing *d, targets *t)
{
    for (size_t b = 0; b < d->n_boxes; b++)
        t->hangs[b] = true;
    for (size_t b = 0; b < d->n_boxes; b++)
        for (size_t k = t->first[b]; k < t->first[b + 1]; k++) {
            wt_box *target = &d->boxes[t->to[k]];
            target->layer = target->layer > d->boxes[b].layer ? target->layer : d->boxes[b].layer + 1;
            t->sources[t->to[k]]++;
            t->hangs[t->to[k]] &= t->hangs[b] && t->first[b + 1] - t->first[b] == 1;
        }
    d->n_layers = 0;
    for (size_t b = d->n_boxes; b-- > 0;) {
        const size_t count = t->first[b + 1] - t->first[b];
        size_t next = SIZE_MAX;
        for (size_t k = t->first[b]; k < t->first[b + 1]; k++)
            next = d->boxes[t->to[k]].layer < next ? d->boxes[t->to[k]].layer : next;
        if (count && (t->hangs[b] || count > t->sources[b]))
            d->boxes[b].layer = next - 1;
        d->n_layers = d->boxes[b].layer >= d->n_layers ? d->boxes[b].layer + 1 : d->n_layers;
    }
}

static wt_status set_layers(wt_drawing *d, wt_err *err)
{
    targets t = { .first = wt_alloc(d->ctx, d->n_boxes + 1, sizeof(size_t), err),
                  .to = wt_alloc(d->ctx, d->n_arrows, sizeof(size_t), err),
                  .sources = wt_alloc(d->ctx, d->n_boxes, sizeof(size_t), err),
                  .hangs = wt_alloc(d->ctx, d->n_boxes, sizeof(bool), err) };
    const bool ok = t.first && t.to && t.sources && t.hangs;
    if (ok) {
        make_targets(d, &t);
        assign_layers(d, &t);
    }
    wt_free(d->ctx, t.first);
    wt_free(d->ctx, t.to);
    wt_free(d->ctx, t.sources);
    wt_free(d->ctx, t.hangs);
    return ok ? WT_OK : WT_ENOMEM;
}

/* How many way points each bundle has, as first_point; too long bundles get none. */
static wt_status count_points(wt_drawing *d, wt_err *err)
{
    d->first_point = wt_alloc(d->ctx, d->n_bundles + 1, sizeof *d->first_point, err);
    if (!d->first_point)
        return WT_ENOMEM;
    for (size_t i = 0; i < d->n_arrows; i++) {
        const wt_arrow *a = &d->arrows[i];
        const size_t span = d->boxes[a->to].layer - d->boxes[a->from].layer - 1;
        size_t *count = &d->first_point[a->bundle + 1];
        *count = span > *count ? span : *count;
    }
    size_t total = 0;
    for (size_t b = 0; b < d->n_bundles; b++) {
        if (d->first_point[b + 1] > MOST_POINTS - total)
            d->first_point[b + 1] = 0;
        total += d->first_point[b + 1];
        d->first_point[b + 1] = total;
    }
    d->points = wt_alloc(d->ctx, total, sizeof *d->points, err);
    return d->points ? WT_OK : WT_ENOMEM;
}

/* --- vertices and segments -------------------------------------------------------------------------------------------
 */
static void make_vertices(layout *l)
{
    wt_drawing *d = l->d;
    for (size_t b = 0; b < d->n_boxes; b++)
        l->v[b] = (vertex){ .layer = d->boxes[b].layer, .half = (d->boxes[b].width + d->box_gap) / 2 };
    for (size_t i = 0; i < d->n_arrows; i++) { /* several arrows may set the points of their bundle: to the same */
        const wt_arrow *a = &d->arrows[i];
        for (size_t k = d->first_point[a->bundle]; k < d->first_point[a->bundle + 1]; k++)
            l->v[d->n_boxes + k] = (vertex){ .layer = d->boxes[a->from].layer + 1 + k - d->first_point[a->bundle],
                                             .half = d->line_gap / 2,
                                             .point = true };
    }
}

/* The vertex of arrow a in the layer right above its target; SIZE_MAX: the arrow has no way points but would need some.
 */
static size_t last_stop(const wt_drawing *d, const wt_arrow *a)
{
    const size_t span = d->boxes[a->to].layer - d->boxes[a->from].layer - 1;
    const size_t first = d->first_point[a->bundle], count = d->first_point[a->bundle + 1] - first;
    return span == 0 ? a->from : count >= span ? d->n_boxes + first + span - 1 : SIZE_MAX;
}

static void make_segments(layout *l)
{
    const wt_drawing *d = l->d;
    for (size_t i = 0; i < d->n_arrows; i++) {
        const wt_arrow *a = &d->arrows[i];
        const size_t first = d->first_point[a->bundle], end = d->first_point[a->bundle + 1], stop = last_stop(d, a);
        if (stop != SIZE_MAX)
            l->segments[l->n_segments++] = (segment){ stop, a->to };
        if (first == end || l->v[d->n_boxes + first].place) /* the bundle's own line is made once */
            continue;
        l->v[d->n_boxes + first].place = 1;
        for (size_t k = first; k < end; k++)
            l->segments[l->n_segments++] = (segment){ k == first ? a->from : d->n_boxes + k - 1, d->n_boxes + k };
    }
}

/* Neighbours as lists: list[first[v] .. first[v + 1]). */
static void make_neighbours(const layout *l, bool up, size_t *list, size_t *first)
{
    for (size_t i = 0; i < l->n_segments; i++)
        first[(up ? l->segments[i].down : l->segments[i].up) + 1]++;
    for (size_t v = 0; v < l->n; v++)
        first[v + 1] += first[v];
    for (size_t i = l->n_segments; i-- > 0;) {
        const segment *s = &l->segments[i];
        list[--first[(up ? s->down : s->up) + 1]] = up ? s->up : s->down;
    }
    memmove(first, first + 1, l->n * sizeof *first);
    first[l->n] = l->n_segments;
}

static void make_order(layout *l)
{
    for (size_t v = 0; v < l->n; v++)
        l->layer_first[l->v[v].layer + 1]++;
    for (size_t k = 0; k < l->d->n_layers; k++)
        l->layer_first[k + 1] += l->layer_first[k];
    for (size_t v = l->n; v-- > 0;)
        l->order[--l->layer_first[l->v[v].layer + 1]] = v;
    memmove(l->layer_first, l->layer_first + 1, l->d->n_layers * sizeof *l->layer_first);
    l->layer_first[l->d->n_layers] = l->n;
}

/* --- order -----------------------------------------------------------------------------------------------------------
 */
static void set_places(layout *l)
{
    for (size_t k = 0; k < l->d->n_layers; k++)
        for (size_t i = l->layer_first[k]; i < l->layer_first[k + 1]; i++)
            l->v[l->order[i]].place = i - l->layer_first[k];
}

typedef struct sort_item {
    double key;
    size_t place, vertex;
} sort_item;

static int by_key(const void *a, const void *b)
{
    const sort_item *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Sorts layer k by the mean place of the neighbours above (or below); who has none keeps its place. */
static void order_layer(layout *l, size_t k, bool up, sort_item *items)
{
    const size_t begin = l->layer_first[k], n = l->layer_first[k + 1] - begin;
    const size_t *list = up ? l->above : l->below, *first = up ? l->above_first : l->below_first;
    for (size_t i = 0; i < n; i++) {
        const size_t v = l->order[begin + i], count = first[v + 1] - first[v];
        double sum = 0;
        for (size_t j = first[v]; j < first[v + 1]; j++)
            sum += (double)l->v[list[j]].place;
        items[i] = (sort_item){ count ? sum / (double)count : (double)i, i, v };
    }
    qsort(items, n, sizeof *items, by_key);
    for (size_t i = 0; i < n; i++) {
        l->order[begin + i] = items[i].vertex;
        l->v[items[i].vertex].place = i;
    }
}

/* Crossings between layer k and the one below: inversions, counted with a Fenwick tree. */
static uint64_t crossings(layout *l, size_t k)
{
    const size_t n = l->layer_first[k + 2] - l->layer_first[k + 1];
    uint64_t found = 0, seen = 0;
    memset(l->tree, 0, (n + 1) * sizeof *l->tree);
    for (size_t i = l->layer_first[k]; i < l->layer_first[k + 1]; i++) {
        const size_t v = l->order[i];
        for (size_t j = l->below_first[v]; j < l->below_first[v + 1]; j++) {
            uint64_t not_right = 0;
            for (size_t t = l->v[l->below[j]].place + 1; t; t &= t - 1)
                not_right += l->tree[t];
            found += seen - not_right;
        }
        for (size_t j = l->below_first[v]; j < l->below_first[v + 1]; j++, seen++)
            for (size_t t = l->v[l->below[j]].place + 1; t <= n; t += t & (~t + 1))
                l->tree[t]++;
    }
    return found;
}

static wt_status find_order(layout *l)
{
    uint64_t fewest = UINT64_MAX;
    const size_t layers = l->d->n_layers;
    sort_item *items = wt_alloc(l->d->ctx, l->n, sizeof *items, l->err);
    wt_status st = items ? WT_OK : WT_ENOMEM;
    set_places(l);
    for (int round = 0; round <= ORDER_ROUNDS && st == WT_OK && fewest; round++) {
        uint64_t count = 0;
        for (size_t k = 0; k + 1 < layers; k++)
            count += crossings(l, k);
        if (count < fewest) {
            fewest = count;
            memcpy(l->best, l->order, l->n * sizeof *l->best);
        }
        for (size_t k = 0; k < layers && round < ORDER_ROUNDS; k++)
            order_layer(l, round % 2 ? layers - 1 - k : k, round % 2 == 0, items);
        st = wt_check_cancel(l->d->ctx, l->err);
    }
    wt_free(l->d->ctx, items);
    memcpy(l->order, l->best, l->n * sizeof *l->best);
    set_places(l);
    return st;
}

/* --- coordinates
 * ------------------------------------------------------------------------------------------------------ */
static size_t degree(const layout *l, size_t v)
{
    return l->above_first[v + 1] - l->above_first[v] + l->below_first[v + 1] - l->below_first[v];
}

/* How much b pulls a: lines want to be straight, most of all long ones; what hangs on one box alone (an input, a
 * constant) has to come to it, not it to them, and gives way to others. */
static double pull(const layout *l, size_t a, size_t b)
{
    const bool pa = l->v[a].point, pb = l->v[b].point;
    if (degree(l, a) == 1 || degree(l, b) == 1)
        return 0.02;
    return pa && pb ? 8 : pa || pb ? 2 : 1;
}

/* Where v would like to be; *weight says how much. */
static double wish(const layout *l, size_t v, bool up, bool both, double *weight)
{
    double sum = 0, total = 0;
    for (int side = 0; side < 2; side++) {
        const bool above = side == 0;
        const size_t *list = above ? l->above : l->below, *first = above ? l->above_first : l->below_first;
        for (size_t j = first[v]; (both || above == up) && j < first[v + 1]; j++) {
            const double w = pull(l, v, list[j]);
            sum += w * l->v[list[j]].x;
            total += w;
        }
    }
    *weight = total > 0 ? total : 0.01;
    return total > 0 ? sum / total : l->v[v].x;
}

/* The positions nearest to all wishes that keep order and distances: with the distances subtracted, the nearest
 * non-decreasing sequence, whose runs of equal values are the pools. */
static void place_layer(layout *l, size_t k, bool up, bool both)
{
    const size_t begin = l->layer_first[k], end = l->layer_first[k + 1];
    size_t pools = 0;
    double offset = 0;
    for (size_t i = begin; i < end; i++) {
        const size_t v = l->order[i];
        double weight;
        if (i > begin)
            offset += l->v[l->order[i - 1]].half + l->v[v].half;
        const double target = wish(l, v, up, both, &weight) - offset;
        l->v[v].key = offset;
        l->pool_sum[pools] = target * weight;
        l->pool_weight[pools] = weight;
        l->pool_count[pools++] = 1;
        while (pools > 1 && l->pool_sum[pools - 2] / l->pool_weight[pools - 2] >
                                l->pool_sum[pools - 1] / l->pool_weight[pools - 1]) {
            pools--;
            l->pool_sum[pools - 1] += l->pool_sum[pools];
            l->pool_weight[pools - 1] += l->pool_weight[pools];
            l->pool_count[pools - 1] += l->pool_count[pools];
        }
    }
    for (size_t p = 0, i = begin; p < pools; p++)
        for (size_t c = 0; c < l->pool_count[p]; c++, i++)
            l->v[l->order[i]].x = l->pool_sum[p] / l->pool_weight[p] + l->v[l->order[i]].key;
}

static wt_status find_places(layout *l)
{
    const size_t layers = l->d->n_layers;
    for (size_t k = 0; k < layers; k++) {
        double x = 0;
        for (size_t i = l->layer_first[k]; i < l->layer_first[k + 1]; i++) {
            vertex *v = &l->v[l->order[i]];
            v->x = x + v->half;
            x += 2 * v->half;
        }
    }
    const int rounds = l->n > LARGE ? FEWER_ROUNDS : PLACE_ROUNDS;
    for (int round = 0; round < rounds; round++) {
        const bool up = round % 2 == 0, both = round >= rounds / 3;
        for (size_t k = 0; k < layers; k++)
            place_layer(l, up ? k : layers - 1 - k, up, both);
        WT_TRY(wt_check_cancel(l->d->ctx, l->err));
    }
    return WT_OK;
}

/* Moves everything right of zero and hands the results to the drawing. */
static wt_status publish(layout *l)
{
    wt_drawing *d = l->d;
    double left = 0, right = 0;
    for (size_t v = 0; v < l->n; v++) {
        left = v && left < l->v[v].x - l->v[v].half ? left : l->v[v].x - l->v[v].half;
        right = v && right > l->v[v].x + l->v[v].half ? right : l->v[v].x + l->v[v].half;
    }
    d->layer_y = wt_alloc(d->ctx, d->n_layers, sizeof *d->layer_y, l->err);
    d->layer_height = wt_alloc(d->ctx, d->n_layers, sizeof *d->layer_height, l->err);
    if (!d->layer_y || !d->layer_height)
        return WT_ENOMEM;
    for (size_t b = 0; b < d->n_boxes; b++) {
        wt_box *box = &d->boxes[b];
        box->x = l->v[b].x - left;
        d->layer_height[box->layer] = box->height > d->layer_height[box->layer] ? box->height
                                                                                : d->layer_height[box->layer];
    }
    for (size_t k = 0; k < d->first_point[d->n_bundles]; k++)
        d->points[k] = l->v[d->n_boxes + k].x - left;
    for (size_t k = 1; k < d->n_layers; k++)
        d->layer_y[k] = d->layer_y[k - 1] + d->layer_height[k - 1] + d->layer_gap;
    d->width = right - left;
    d->height = d->n_layers ? d->layer_y[d->n_layers - 1] + d->layer_height[d->n_layers - 1] : 0;
    return WT_OK;
}

static bool allocate(layout *l)
{
    wt_context *ctx = l->d->ctx;
    const size_t points = l->d->first_point[l->d->n_bundles], segments = l->d->n_arrows + points;
    l->n = l->d->n_boxes + points;
    return (l->v = wt_alloc(ctx, l->n, sizeof *l->v, l->err)) &&
           (l->segments = wt_alloc(ctx, segments, sizeof *l->segments, l->err)) &&
           (l->order = wt_alloc(ctx, l->n, sizeof(size_t), l->err)) &&
           (l->best = wt_alloc(ctx, l->n, sizeof(size_t), l->err)) &&
           (l->layer_first = wt_alloc(ctx, l->d->n_layers + 1, sizeof(size_t), l->err)) &&
           (l->above = wt_alloc(ctx, segments, sizeof(size_t), l->err)) &&
           (l->below = wt_alloc(ctx, segments, sizeof(size_t), l->err)) &&
           (l->above_first = wt_alloc(ctx, l->n + 1, sizeof(size_t), l->err)) &&
           (l->below_first = wt_alloc(ctx, l->n + 1, sizeof(size_t), l->err)) &&
           (l->tree = wt_alloc(ctx, l->n + 2, sizeof(size_t), l->err)) &&
           (l->pool_sum = wt_alloc(ctx, l->n, sizeof(double), l->err)) &&
           (l->pool_weight = wt_alloc(ctx, l->n, sizeof(double), l->err)) &&
           (l->pool_count = wt_alloc(ctx, l->n, sizeof(size_t), l->err));
}

wt_status wt_drawing_layout(wt_drawing *d, wt_err *err)
{
    layout l = { .d = d, .err = err };
    WT_TRY(set_layers(d, err));
    WT_TRY(count_points(d, err));
    wt_status st = allocate(&l) ? WT_OK : WT_ENOMEM;
    if (st == WT_OK) {
        make_vertices(&l);
        make_segments(&l);
        make_neighbours(&l, true, l.above, l.above_first);
        make_neighbours(&l, false, l.below, l.below_first);
        make_order(&l);
        st = find_order(&l);
    }
    if (st == WT_OK)
        st = find_places(&l);
    if (st == WT_OK)
        st = publish(&l);
    void *const owned[] = { l.v,           l.segments,    l.order, l.best,     l.layer_first, l.above,     l.below,
                            l.above_first, l.below_first, l.tree,  l.pool_sum, l.pool_weight, l.pool_count };
    for (size_t i = 0; i < WT_ARRAY_LEN(owned); i++)
        wt_free(d->ctx, owned[i]);
    return st;
}
