/* select_facts.c - what a target profile, a model's assessment and the user say, as facts. */
#include <stdio.h>
#include "base/base.h"
#include "optimize/select.h"

/* --- the device
 * ---------------------------------------------------------------------------------------------------------------- */
static bool contains(const wt_result *target, const wt_sign_row *sign)
{
    static const char list[] = "accelerators.";
    if (strncmp(sign->key, list, sizeof list - 1) != 0)
        return strstr(wt_result_string(target, "", "%s", sign->key), sign->word);
    for (size_t i = 0; i < wt_result_count(target, "accelerators"); i++)
        if (strstr(wt_result_string(target, "", "accelerators[%zu].%s", i, sign->key + sizeof list - 1), sign->word))
            return true;
    return false;
}

static bool is_platform(wt_fact f) { return f >= WT_FACT_MICROCONTROLLER && f <= WT_FACT_CROSS_PLATFORM; }

static wt_facts device_facts(const wt_result *target)
{
    wt_facts facts = 0;
    wt_fact platform = WT_FACT_CROSS_PLATFORM;
    for (size_t i = 0; i < wt_sign_row_count; i++) {
        const wt_sign_row *s = &wt_sign_rows[i];
        if (!contains(target, s))
            continue;
        if (!is_platform(s->fact))
            facts |= wt_fact_bit(s->fact);
        else if (platform == WT_FACT_CROSS_PLATFORM)
            platform = s->fact;
    }
    return facts | wt_fact_bit(platform);
}

/* --- the model
 * ----------------------------------------------------------------------------------------------------------------- */
/* Pictures come as four dimensions, one of them the channels; tokens as integers of two. */
static bool takes_pictures(const wt_result *m, size_t input)
{
    const char *type = wt_result_string(m, "", "inputs[%zu].dtype", input);
    if (wt_result_count(m, "inputs[%zu].shape", input) != 4 || (strncmp(type, "float", 5) && strcmp(type, "uint8")))
        return false;
    for (int d = 1; d < 4; d += 2) {
        const double channels = wt_result_number(m, 0, "inputs[%zu].shape[%d]", input, d);
        if (channels == 1 || channels == 3)
            return true;
    }
    return false;
}

static bool takes_tokens(const wt_result *m, size_t input)
{
    const char *name = wt_result_string(m, "", "inputs[%zu].name", input);
    return strstr(name, "input_ids") || strstr(name, "token");
}

static wt_facts model_facts(const wt_result *m)
{
    const double large = 7e9;
    bool pictures = false, tokens = wt_result_has(m, "architecture");
    for (size_t i = 0; i < wt_result_count(m, "inputs"); i++) {
        pictures |= takes_pictures(m, i);
        tokens |= takes_tokens(m, i);
    }
    const wt_fact kind = pictures && tokens ? WT_FACT_MULTIMODAL
                         : pictures         ? WT_FACT_VISION
                         : tokens           ? WT_FACT_LANGUAGE
                                            : WT_FACT_NETWORK;
    return wt_fact_bit(kind) |
           wt_fact_bit(wt_result_number(m, 0, "parameters") > large ? WT_FACT_LARGE : WT_FACT_LIGHT);
}

/* --- the user
 * ------------------------------------------------------------------------------------------------------------------ */
/* The fact among first..last whose name ends in this word; NULL adds nothing. */
static wt_status said(wt_facts *facts, const char *flag, const char *word, wt_fact first, wt_fact last, wt_err *err)
{
    char words[160] = "";
    for (wt_fact f = first; word && f <= last; f++) {
        const char *name = wt_fact_rows[f].name, *dash = strchr(name, '-');
        const bool prefixed = !strncmp(name, "needs-", 6) || !strncmp(name, "prefer-", 7);
        const char *tail = prefixed && dash ? dash + 1 : name;
        if (!strcmp(tail, word)) {
            *facts |= wt_fact_bit(f);
            return WT_OK;
        }
        const size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", used ? ", " : "", tail);
    }
    return word ? wt_fail(err, WT_EUSAGE, "option '%s': '%s' is none of %s", flag, word, words) : WT_OK;
}

/* Figures that are there have to be some: a damaged profile would otherwise only look like one that says little. */
static wt_status check_figures(const wt_result *target, const char *name, wt_err *err)
{
    static const char *const keys[] = { "cpu.cores",
                                        "cpu.clock_max_mhz",
                                        "memory.total_bytes",
                                        "memory.flash_bytes",
                                        "memory.bandwidth_gb_per_s",
                                        "measured.read_gb_per_s.1",
                                        "measured.read_gb_per_s.all",
                                        "measured.fp32_gflops.1",
                                        "measured.fp32_gflops.all",
                                        "measured.int8_gops.1",
                                        "measured.int8_gops.all",
                                        "measured.bf16_gflops.1",
                                        "measured.bf16_gflops.all" };
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++) {
        if (!wt_result_has(target, "%s", keys[i]) || wt_result_number(target, 0, "%s", keys[i]) > 0)
            continue;
        const wt_status st = wt_fail(err, WT_EFORMAT, "the target profile's \"%s\" is no number over 0", keys[i]);
        wt_err_where(err, "%s", name);
        wt_err_hint(err, "whet hardware --measure --save FILE.json on the device makes a sound one");
        return st;
    }
    return WT_OK;
}

wt_status wt_facts_gather(wt_facts *out, const wt_result *target, const wt_result *assessed, const wt_select_options *o,
                          wt_err *err)
{
    const wt_facts power = wt_fact_bit(WT_FACT_BATTERY) | wt_fact_bit(WT_FACT_MAINS);
    WT_TRY(check_figures(target, o->target, err));
    *out = device_facts(target) | model_facts(assessed);
    if (o->power)
        *out &= ~power;
    WT_TRY(said(out, "--power", o->power, WT_FACT_BATTERY, WT_FACT_MAINS, err));
    WT_TRY(said(out, "--network", o->network, WT_FACT_OFFLINE, WT_FACT_ONLINE, err));
    WT_TRY(said(out, "--for", o->stage, WT_FACT_PROTOTYPE, WT_FACT_PRODUCTION, err));
    WT_TRY(
        said(out, "--prefer", o->prefer ? o->prefer : "balanced", WT_FACT_PREFER_SPEED, WT_FACT_PREFER_BALANCED, err));
    for (size_t i = 0; i < o->n_needs; i++)
        WT_TRY(said(out, "--need", o->needs[i], WT_FACT_NEED_CROSS_PLATFORM, WT_FACT_NEED_EASE, err));
    return WT_OK;
}
