/* equivalence.c - sums over all samples, for each output and each of its channels. */
#include "measure/equivalence.h"
#include "base/json.h"
#include <math.h>

enum { MAX_CHANNELS = 1 << 16 };
static const double decibel_limit = 200;
/* A channel matters when the reference moves it by this much: of the output's own range, or, where scores are
 * probabilities, as such (a class that never rises above a hundredth decides nothing). */
static const double moves_of_range = 1e-4, moves_of_probability = 0.01;
/* ... and is erased when the candidate moves it by less than this share of the reference's movement. */
static const double erased_share = 1e-3;
/* Fewer values of a channel may be alike by chance. */
enum { MIN_SEEN = 8 };
/* Larger values are pixels, energies or the like: a softmax over them says nothing. */
static const float most_logit = 100;

typedef struct channel {
    double signal, noise;
    uint64_t seen;
    float ref_min, ref_max, can_min, can_max;
} channel;

typedef struct output {
    char *name;
    wt_shape type;
    bool numeric;
    int axis;  /* -2: not decided yet */
    int64_t n; /* channels */
    channel *channels;
    int probabilities; /* scores along the axis sum to 1: -1 not decided */
    bool scores;       /* probabilities or logits: what competes along the axis */
    uint64_t elements, nonfinite, positions, same;
    double signal, noise, dot, candidate, max_abs, max_rel, kld, kld_max;
} output;

struct wt_equiv {
    wt_context *ctx;
    output *outputs;
    size_t n;
    uint64_t samples;
    float *a, *b;
    size_t cap_a, cap_b;
};

/* --- small helpers
 * ------------------------------------------------------------------------------------------------------------ */

double wt_sqnr_db(double signal, double noise)
{
    if (!(noise > 0))
        return isnan(noise) ? -decibel_limit : decibel_limit;
    if (!(signal > 0))
        return -decibel_limit;
    const double db = 10 * log10(signal / noise);
    return db > decibel_limit ? decibel_limit : db < -decibel_limit ? -decibel_limit : db;
}

/* Pictures have their channels in axis 1, as almost all of ONNX does (also late in a network, where 512 channels are
 * more than 7 x 7 positions), but for those that look like height x width x channels: the first two equal and the last
 * not, or the last smaller than both. */
static int picture_axis(const wt_shape *s)
{
    const int last = s->rank - 1;
    bool equal = true, smaller = true;
    for (int d = 1; d < last; d++) {
        equal = equal && s->dim[d] == s->dim[1];
        smaller = smaller && s->dim[last] < s->dim[d];
    }
    return smaller || (equal && s->dim[last] != s->dim[1]) ? last : 1;
}

/* Two dims: the last. More: 1 or the last, whichever is fixed; when both are, of three the smaller (a detector's 84 x
 * 8400), for positions outnumber what is said at each. */
int wt_channel_axis(const wt_shape *type, const wt_shape *actual)
{
    const wt_shape *s = actual ? actual : type;
    if (s->rank < 1)
        return -1;
    const int last = s->rank - 1;
    int axis = last;
    if (s->rank >= 3) {
        const bool known = type && type->rank == s->rank;
        const bool free_1 = known && type->dim[1] < 0, free_last = known && type->dim[last] < 0;
        if (free_1 != free_last)
            axis = free_1 ? last : 1;
        else if (s->dim[1] < 0 || s->dim[last] < 0)
            axis = 1;
        else if (s->dim[1] == 1 || s->dim[last] == 1)
            axis = s->dim[1] == 1 ? last : 1;
        else if (s->rank >= 4)
            axis = picture_axis(s);
        else
            axis = s->dim[1] <= s->dim[last] ? 1 : last;
    }
    return s->dim[axis] == 1 || s->dim[axis] == 0 ? -1 : axis;
}

static wt_equiv_thresholds thresholds_of(double sqnr, double cosine, double agreement, double kld)
{
    return (wt_equiv_thresholds){ sqnr, cosine, agreement, kld };
}

wt_equiv_thresholds wt_equiv_defaults(const char *precision)
{
    if (!strcmp(precision, "fp32"))
        return thresholds_of(60, 0.99999, 0.999, 1e-4);
    if (!strcmp(precision, "fp16"))
        return thresholds_of(40, 0.9999, 0.99, 1e-3);
    if (!strcmp(precision, "int4"))
        return thresholds_of(8, 0.90, 0.90, 0.2);
    return thresholds_of(10, 0.95, 0.95, 0.1);
}

/* --- life
 * ------------------------------------------------------------------------------------------------------------------------
 */

wt_status wt_equiv_open(wt_equiv **out, wt_context *ctx, const char *const *names, const wt_tensor *types, size_t n,
                        wt_err *err)
{
    *out = NULL;
    wt_equiv *e = wt_alloc(ctx, 1, sizeof *e, err);
    if (!e)
        return WT_ENOMEM;
    e->ctx = ctx;
    if (!(e->outputs = wt_alloc(ctx, n, sizeof *e->outputs, err))) {
        wt_equiv_close(e);
        return WT_ENOMEM;
    }
    e->n = n;
    for (size_t i = 0; i < n; i++) {
        output *o = &e->outputs[i];
        const size_t len = strlen(names[i]) + 1;
        *o = (output){ .type = types[i].shape, .axis = -2, .probabilities = -1 };
        if (!(o->name = wt_alloc_raw(ctx, len, 1, err))) {
            wt_equiv_close(e);
            return WT_ENOMEM;
        }
        memcpy(o->name, names[i], len);
    }
    *out = e;
    return WT_OK;
}

void wt_equiv_close(wt_equiv *e)
{
    if (!e)
        return;
    wt_context *ctx = e->ctx;
    for (size_t i = 0; i < e->n; i++) {
        wt_free(ctx, e->outputs[i].name);
        wt_free(ctx, e->outputs[i].channels);
    }
    wt_free(ctx, e->outputs);
    wt_free(ctx, e->a);
    wt_free(ctx, e->b);
    wt_free(ctx, e);
}

/* --- one sample
 * -----------------------------------------------------------------------------------------------------------------------
 */

typedef struct view {
    const float *r, *c;
    size_t count, outer, n, inner; /* element (o, k, i) is at (o * n + k) * inner + i */
} view;

/* Whether the reference's scores along the axis are probabilities: not negative, and 1 together, at each position. */
static bool sums_to_one(const view *v)
{
    for (size_t o = 0; o < v->outer; o++)
        for (size_t i = 0; i < v->inner; i++) {
            double sum = 0;
            for (size_t k = 0; k < v->n; k++) {
                const float x = v->r[(o * v->n + k) * v->inner + i];
                if (!(x >= 0))
                    return false;
                sum += (double)x;
            }
            if (fabs(sum - 1) > 1e-3)
                return false;
        }
    return true;
}

static bool within(const view *v, float most)
{
    for (size_t i = 0; i < v->count; i++)
        if (isfinite(v->r[i]) && fabsf(v->r[i]) > most)
            return false;
    return true;
}

static void add_totals(output *o, const view *v)
{
    double largest = 0;
    for (size_t i = 0; i < v->count; i++)
        largest = fabs((double)v->r[i]) > largest && isfinite(v->r[i]) ? fabs((double)v->r[i]) : largest;
    const double floor_rel = largest * 1e-5;
    for (size_t i = 0; i < v->count; i++) {
        const double r = (double)v->r[i], c = (double)v->c[i];
        if (!isfinite(r) || !isfinite(c)) {
            o->nonfinite += !(r == c || (isnan(r) && isnan(c)));
            continue;
        }
        const double d = fabs(r - c), size = fabs(r) > floor_rel ? fabs(r) : floor_rel;
        o->signal += r * r;
        o->noise += d * d;
        o->dot += r * c;
        o->candidate += c * c;
        o->max_abs = d > o->max_abs ? d : o->max_abs;
        if (size > 0 && d / size > o->max_rel)
            o->max_rel = d / size;
    }
    o->elements += v->count;
}

static void add_channels(output *o, const view *v)
{
    for (size_t x = 0; x < v->outer; x++)
        for (size_t k = 0; k < v->n; k++) {
            channel *ch = &o->channels[k];
            const float *r = v->r + (x * v->n + k) * v->inner, *c = v->c + (x * v->n + k) * v->inner;
            ch->seen += v->inner;
            for (size_t i = 0; i < v->inner; i++) {
                if (!isfinite(r[i]) || !isfinite(c[i]))
                    continue;
                const double d = (double)r[i] - (double)c[i];
                ch->signal += (double)r[i] * (double)r[i];
                ch->noise += d * d;
                ch->ref_min = r[i] < ch->ref_min ? r[i] : ch->ref_min;
                ch->ref_max = r[i] > ch->ref_max ? r[i] : ch->ref_max;
                ch->can_min = c[i] < ch->can_min ? c[i] : ch->can_min;
                ch->can_max = c[i] > ch->can_max ? c[i] : ch->can_max;
            }
        }
}

/* Log of the sum of exponentials, or of the plain sum for probabilities; and where the largest is. */
static double log_total(const float *x, size_t n, size_t step, bool probabilities, size_t *best)
{
    *best = 0;
    for (size_t k = 1; k < n; k++)
        *best = x[k * step] > x[*best * step] ? k : *best;
    const double top = (double)x[*best * step];
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += probabilities ? (x[k * step] > 0 ? (double)x[k * step] : 0) : exp((double)x[k * step] - top);
    return probabilities ? log(sum) : top + log(sum);
}

/* Agreement and KL(reference || candidate) at each position. Probabilities are kept above 1e-9, so that a 0 where the
 * reference has a little weighs much, but not infinitely. */
static void add_positions(output *o, const view *v)
{
    const bool prob = o->probabilities == 1;
    for (size_t x = 0; x < v->outer; x++)
        for (size_t i = 0; i < v->inner; i++) {
            const float *r = v->r + x * v->n * v->inner + i, *c = v->c + x * v->n * v->inner + i;
            size_t best_r, best_c;
            const double total_r = log_total(r, v->n, v->inner, prob, &best_r),
                         total_c = log_total(c, v->n, v->inner, prob, &best_c);
            o->positions++;
            if (!isfinite(total_r) || !isfinite(total_c))
                continue; /* NaN agrees with nothing */
            o->same += best_r == best_c;
            double kld = 0;
            for (size_t k = 0; k < v->n; k++) {
                const double a = (double)r[k * v->inner], b = (double)c[k * v->inner];
                const double p = prob ? a / exp(total_r) : exp(a - total_r);
                if (p <= 1e-12)
                    continue;
                const double log_q = prob ? log((b > 1e-9 ? b : 1e-9)) - total_c : b - total_c;
                kld += p * (log(p) - log_q);
            }
            kld = kld > 0 ? kld : 0;
            o->kld += kld;
            o->kld_max = kld > o->kld_max ? kld : o->kld_max;
        }
}

static wt_status as_floats(wt_equiv *e, const wt_tensor *t, float **room, size_t *cap, const float **out, size_t n,
                           wt_err *err)
{
    if (t->dtype == WT_F32) {
        *out = t->data;
        return WT_OK;
    }
    void *p = *room;
    const wt_status st = wt_grow(e->ctx, &p, cap, n, sizeof(float), err);
    *room = p;
    WT_TRY(st);
    *out = *room;
    return wt_convert(t->data, t->dtype, *room, WT_F32, n, false, err);
}

/* The axis is decided once; a set whose channel count changes from sample to sample has no channels to speak of. */
static wt_status decide_axis(wt_equiv *e, output *o, const wt_shape *s, wt_err *err)
{
    if (o->axis == -2) {
        o->axis = wt_channel_axis(&o->type, s);
        o->n = o->axis >= 0 ? s->dim[o->axis] : 0;
        if (o->n > MAX_CHANNELS || o->n < 1)
            return WT_OK;
        if (!(o->channels = wt_alloc(e->ctx, (size_t)o->n, sizeof *o->channels, err)))
            return WT_ENOMEM;
        for (int64_t k = 0; k < o->n; k++)
            o->channels[k] = (channel){
                .ref_min = INFINITY, .ref_max = -INFINITY, .can_min = INFINITY, .can_max = -INFINITY
            };
    } else if (o->axis >= 0 && (o->axis >= s->rank || s->dim[o->axis] != o->n)) {
        o->axis = -1;
        o->n = 0;
        wt_free(e->ctx, o->channels);
        o->channels = NULL;
    }
    return WT_OK;
}

static wt_status add_output(wt_equiv *e, output *o, const wt_tensor *reference, const wt_tensor *candidate, wt_err *err)
{
    char a[128], b[128];
    int64_t count;
    view v = { 0 };
    if (!wt_shape_equal(&reference->shape, &candidate->shape))
        return wt_fail(err, WT_EFORMAT, "output %s has shape %s in the reference, but %s in the candidate", o->name,
                       wt_shape_text(&reference->shape, NULL, a, sizeof a),
                       wt_shape_text(&candidate->shape, NULL, b, sizeof b));
    if (reference->dtype == WT_STRING || candidate->dtype == WT_STRING || !reference->data || !candidate->data)
        return WT_OK; /* nothing to measure; numeric stays false */
    if (!wt_shape_count(&reference->shape, &count))
        return wt_fail(err, WT_EINTERNAL, "output %s has no size", o->name);
    v.count = (size_t)count;
    o->numeric = true;
    WT_TRY(as_floats(e, reference, &e->a, &e->cap_a, &v.r, v.count, err));
    WT_TRY(as_floats(e, candidate, &e->b, &e->cap_b, &v.c, v.count, err));
    WT_TRY(decide_axis(e, o, &reference->shape, err));
    add_totals(o, &v);
    if (o->axis < 0 || v.count == 0)
        return WT_OK;
    v.n = (size_t)o->n;
    v.outer = (size_t)wt_shape_product(&reference->shape, 0, o->axis);
    v.inner = (size_t)wt_shape_product(&reference->shape, o->axis + 1, reference->shape.rank);
    if (o->probabilities < 0) {
        o->probabilities = sums_to_one(&v);
        o->scores = o->probabilities || within(&v, most_logit);
    }
    if (o->channels)
        add_channels(o, &v);
    if (o->scores)
        add_positions(o, &v);
    return WT_OK;
}

wt_status wt_equiv_add(wt_equiv *e, const wt_tensor *reference, const wt_tensor *candidate, wt_err *err)
{
    for (size_t i = 0; i < e->n; i++)
        WT_TRY(add_output(e, &e->outputs[i], &reference[i], &candidate[i], err));
    e->samples++;
    return WT_OK;
}

/* --- results
 * --------------------------------------------------------------------------------------------------------------------------
 */

size_t wt_equiv_count(const wt_equiv *e) { return e->n; }
uint64_t wt_equiv_samples(const wt_equiv *e) { return e->samples; }

static void find_erased(const output *o, wt_equiv_output *out)
{
    float lo = INFINITY, hi = -INFINITY;
    for (int64_t k = 0; k < o->n; k++) {
        lo = o->channels[k].ref_min < lo ? o->channels[k].ref_min : lo;
        hi = o->channels[k].ref_max > hi ? o->channels[k].ref_max : hi;
    }
    const double matters = o->probabilities == 1 ? moves_of_probability : ((double)hi - (double)lo) * moves_of_range;
    for (int64_t k = 0; k < o->n; k++) {
        const channel *ch = &o->channels[k];
        const double moved = (double)ch->ref_max - (double)ch->ref_min;
        if (ch->seen < MIN_SEEN || !(moved > 0 && moved >= matters) ||
            (double)ch->can_max - (double)ch->can_min > moved * erased_share)
            continue;
        if (out->n_erased < WT_EQUIV_ERASED)
            out->erased[out->n_erased] = k;
        out->n_erased++;
    }
}

/* The channels with the lowest SQNR, by insertion into a short sorted list. */
static void find_worst(const output *o, wt_equiv_output *out)
{
    for (int64_t k = 0; k < o->n; k++) {
        const channel *ch = &o->channels[k];
        if (!(ch->signal > 0))
            continue; /* the reference is silent there */
        const double db = wt_sqnr_db(ch->signal, ch->noise);
        size_t at = out->n_worst;
        while (at > 0 && out->worst_sqnr_db[at - 1] > db)
            at--;
        if (at >= WT_EQUIV_WORST)
            continue;
        const size_t last = out->n_worst < WT_EQUIV_WORST ? out->n_worst++ : WT_EQUIV_WORST - 1;
        for (size_t i = last; i > at; i--) {
            out->worst[i] = out->worst[i - 1];
            out->worst_sqnr_db[i] = out->worst_sqnr_db[i - 1];
        }
        out->worst[at] = k;
        out->worst_sqnr_db[at] = db;
    }
}

static const char *first_failure(const wt_equiv_output *o, const wt_equiv_thresholds *t)
{
    if (o->nonfinite)
        return "nonfinite";
    if (o->n_erased)
        return "erased";
    if (!t || !o->elements)
        return NULL;
    if (o->sqnr_db < t->min_sqnr_db) /* false when either is NaN: not asked, or not there */
        return "sqnr_db";
    if (o->cosine < t->min_cosine)
        return "cosine";
    if (o->agreement < t->min_agreement)
        return "agreement";
    return o->kld > t->max_kld ? "kld" : NULL;
}

void wt_equiv_result(const wt_equiv *e, size_t i, const wt_equiv_thresholds *thresholds, wt_equiv_output *out)
{
    const output *o = &e->outputs[i];
    const bool scores = o->positions > 0;
    *out = (wt_equiv_output){ .name = o->name,
                              .elements = o->elements,
                              .max_abs = o->max_abs,
                              .max_rel = o->max_rel,
                              .nonfinite = o->nonfinite,
                              .axis = o->axis < 0 ? -1 : o->axis,
                              .channels = o->n };
    out->sqnr_db = o->elements ? wt_sqnr_db(o->signal, o->noise) : NAN;
    const double norm = sqrt(o->signal * o->candidate); /* sums of float squares: the product is far from overflowing */
    out->cosine = norm > 0 ? o->dot / norm : o->noise > 0 ? 0 : 1;
    if (out->cosine > 1)
        out->cosine = 1; /* rounding */
    out->agreement = scores ? (double)o->same / (double)o->positions : NAN;
    out->kld = scores ? o->kld / (double)o->positions : NAN;
    out->kld_max = scores ? o->kld_max : NAN;
    if (o->channels) {
        find_worst(o, out);
        find_erased(o, out);
    }
    out->failed = first_failure(out, thresholds);
    out->passed = out->failed == NULL;
}

static json_t *channels_json(const wt_equiv_output *o)
{
    json_t *worst = json_array(), *erased = json_array();
    for (size_t i = 0; i < o->n_worst && worst; i++)
        json_array_append_new(worst, json_pack("{s:I,s:o}", "channel", (json_int_t)o->worst[i], "sqnr_db",
                                               wt_json_real(o->worst_sqnr_db[i])));
    for (size_t i = 0; i < o->n_erased && i < WT_EQUIV_ERASED && erased; i++)
        json_array_append_new(erased, json_integer((json_int_t)o->erased[i]));
    return json_pack("{s:i,s:I,s:o,s:I,s:o}", "axis", o->axis, "count", (json_int_t)o->channels, "worst", worst,
                     "erased_count", (json_int_t)o->n_erased, "erased", erased);
}

json_t *wt_equiv_output_json(const wt_equiv_output *o)
{
    json_t *root = json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:b}", "name", o->name, "sqnr_db", wt_json_real(o->sqnr_db), "cosine",
        wt_json_real(o->cosine), "max_abs", wt_json_real(o->max_abs), "max_rel", wt_json_real(o->max_rel), "agreement",
        wt_json_real(o->agreement), "kld", wt_json_real(o->kld), "kld_max", wt_json_real(o->kld_max), "nonfinite",
        (json_int_t)o->nonfinite, "elements", (json_int_t)o->elements, "passed", o->passed);
    if (root && o->failed)
        json_object_set_new(root, "failed", json_string(o->failed));
    if (root && o->axis >= 0)
        json_object_set_new(root, "channels", channels_json(o));
    return root;
}
