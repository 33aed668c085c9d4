/* sound_input.c - which dims of an input are time and channels, and filling them. */
#include "model/dataset/sound_input.h"
#include <math.h>

/* Time is the last free dim that is not the first (the batch), or else the longest; one more dim may hold channels. */
static int find_time(const wt_shape *s)
{
    int best = -1;
    for (int i = s->rank - 1; i > 0 && best < 0; i--)
        if (s->dim[i] < 0)
            best = i;
    for (int i = 0; i < s->rank && best < 0; i++) {
        bool longest = s->dim[i] > 1;
        for (int j = 0; j < s->rank; j++)
            longest &= s->dim[j] <= s->dim[i];
        if (longest)
            best = i;
    }
    return best < 0 ? s->rank - 1 : best;
}

wt_status wt_sound_input_init(wt_sound_input *out, const wt_preprocess *pp, const char *name, wt_dtype dtype,
                              const wt_shape *shape, wt_err *err)
{
    char text[128];
    *out = (wt_sound_input){ .pp = *pp, .dtype = dtype, .shape = *shape, .axis_channel = -1 };
    if (shape->rank < 1 || !wt_dtype_is_float(dtype))
        return wt_fail(err, WT_EUNSUPPORTED, "input %s (%s %s) cannot take a sound", name, wt_dtype_name(dtype),
                       wt_shape_text(shape, NULL, text, sizeof text));
    out->axis_time = find_time(shape);
    for (int i = shape->rank == 3 ? 1 : shape->rank; i < shape->rank; i++)
        if (i != out->axis_time)
            out->axis_channel = i;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] > 1 && i != out->axis_time && i != out->axis_channel) {
            wt_fail(err, WT_EUNSUPPORTED, "input %s of shape %s cannot take a sound", name,
                    wt_shape_text(shape, NULL, text, sizeof text));
            wt_err_hint(err, "expected 1xN, 1xCxN or 1xNxC; give features as .npy or .npz");
            return WT_EUNSUPPORTED;
        }
    const int64_t fixed = shape->dim[out->axis_time];
    if (!(pp->set & WT_PP_FRAME))
        out->pp.frame = fixed > 0 ? fixed : 0;
    else if (fixed > 0 && fixed != pp->frame)
        return wt_fail(err, WT_EUSAGE, "pre-processing makes frames of %lld samples, but input %s has %lld",
                       (long long)pp->frame, name, (long long)fixed);
    if (!(pp->set & WT_PP_HOP))
        out->pp.hop = out->pp.frame;
    out->pp.set |= WT_PP_MONO | (out->pp.frame ? (uint32_t)(WT_PP_FRAME | WT_PP_HOP) : 0);
    return WT_OK;
}

static double rate_of(const wt_sound_input *in, const wt_wav *wav)
{
    return in->pp.sample_rate > 0 ? in->pp.sample_rate : wav->rate;
}

static uint64_t length_of(const wt_sound_input *in, const wt_wav *wav)
{
    const double rate = rate_of(in, wav);
    return rate == wav->rate ? wav->frames : (uint64_t)ceil((double)wav->frames * rate / wav->rate);
}

uint64_t wt_sound_input_count(const wt_sound_input *in, const wt_wav *wav)
{
    const uint64_t n = length_of(in, wav), frame = (uint64_t)in->pp.frame;
    return frame == 0 || n <= frame ? 1 : (n - frame) / (uint64_t)in->pp.hop + 1;
}

static int channels_of(const wt_sound_input *in, const wt_wav *wav) { return in->pp.mono ? 1 : wav->channels; }

wt_status wt_sound_input_shape(const wt_sound_input *in, const wt_wav *wav, wt_shape *out, wt_err *err)
{
    const int channels = channels_of(in, wav);
    const int64_t want = in->axis_channel >= 0 ? in->shape.dim[in->axis_channel] : 1;
    if (want >= 0 && want != channels) {
        wt_fail(err, WT_EFORMAT, "the sound has %d channel(s), but the input takes %lld", channels, (long long)want);
        wt_err_hint(err, want == 1 ? "set mono to true" : "give sounds with that many channels, and set mono to false");
        return WT_EFORMAT;
    }
    *out = in->shape;
    for (int i = 0; i < out->rank; i++)
        out->dim[i] = i == in->axis_channel ? channels : 1;
    out->dim[in->axis_time] = in->pp.frame ? in->pp.frame : (int64_t)length_of(in, wav);
    if (out->dim[in->axis_time] == 0)
        return wt_fail(err, WT_EFORMAT, "the sound is empty");
    return WT_OK;
}

wt_status wt_sound_input_apply(const wt_sound_input *in, wt_context *ctx, const wt_wav *wav, const uint8_t *bytes,
                               uint64_t frame, void *out, wt_err *err)
{
    const int channels = channels_of(in, wav);
    const size_t n = (size_t)(in->pp.frame ? in->pp.frame : (int64_t)length_of(in, wav));
    const int64_t first = (int64_t)(frame * (uint64_t)in->pp.hop);
    const size_t step = in->axis_channel > in->axis_time ? (size_t)channels : 1,
                 item = wt_dtype_get(in->dtype)->block_bytes;
    float *one = wt_alloc_raw(ctx, n, sizeof *one, err);
    if (!one)
        return WT_ENOMEM;
    wt_status st = WT_OK;
    for (int c = 0; c < channels && st == WT_OK; c++) {
        st = wt_resample(ctx, wav, bytes, in->pp.mono ? -1 : c, rate_of(in, wav), first, n, one, err);
        const size_t at = step > 1 ? (size_t)c : (size_t)c * n;
        for (size_t i = 0; i < n && st == WT_OK; i++)
            st = wt_convert(&one[i], WT_F32, (uint8_t *)out + (at + i * step) * item, in->dtype, 1, false, err);
    }
    wt_free(ctx, one);
    return st;
}
