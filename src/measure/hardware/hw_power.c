/* hw_power.c - where the power comes from, what can measure it, and how warm it is. */
#include <stdio.h>
#include "base/json.h"
#include "measure/hardware/hardware.h"

/* --- battery and mains
 * ------------------------------------------------------------------------------------------------------- */
static const char supplies[] = "/sys/class/power_supply";

static void add_scaled(json_t *o, const wt_sysroot *r, const char *name, const char *file, const char *key,
                       double scale)
{
    int64_t v;
    if (wt_sys_number(r, &v, "%s/%s/%s", supplies, name, file))
        json_object_set_new(o, key, json_real((double)v * scale));
}

static json_t *battery_json(const wt_sysroot *r, const char *name)
{
    char text[64];
    int64_t percent;
    json_t *o = json_pack("{s:s}", "name", name);
    if (wt_sys_number(r, &percent, "%s/%s/capacity", supplies, name))
        json_object_set_new(o, "charge", json_real((double)percent / 100));
    if (wt_sys_text(r, text, sizeof text, "%s/%s/status", supplies, name))
        wt_hw_set_text(o, "status", text);
    if (wt_sys_text(r, text, sizeof text, "%s/%s/technology", supplies, name))
        wt_hw_set_text(o, "technology", text);
    add_scaled(o, r, name, "energy_now", "energy_wh", 1e-6);
    add_scaled(o, r, name, "energy_full", "energy_full_wh", 1e-6);
    add_scaled(o, r, name, "charge_now", "charge_ah", 1e-6);
    add_scaled(o, r, name, "charge_full", "charge_full_ah", 1e-6);
    add_scaled(o, r, name, "power_now", "power_w", 1e-6);
    add_scaled(o, r, name, "voltage_now", "voltage_v", 1e-6);
    return o;
}

static json_t *meters_json(const wt_sysroot *r)
{
    json_t *list = json_array();
    wt_sys_names zones = wt_sys_list(r, "/sys/class/powercap", "intel-rapl:");
    for (size_t i = 0; i < zones.n; i++) {
        char name[64];
        int64_t energy;
        if (!wt_sys_text(r, name, sizeof name, "/sys/class/powercap/%s/name", zones.items[i]))
            continue;
        const bool readable = wt_sys_number(r, &energy, "/sys/class/powercap/%s/energy_uj", zones.items[i]);
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "kind", "rapl", "name", name, "readable", readable));
    }
    wt_sys_names_free(&zones);
    return list;
}

json_t *wt_hw_power(const wt_sysroot *r)
{
    json_t *o = json_object(), *batteries = json_array();
    wt_sys_names names = wt_sys_list(r, supplies, "");
    bool mains = false, mains_known = false;
    for (size_t i = 0; i < names.n; i++) {
        char type[32], scope[32];
        int64_t online;
        if (!wt_sys_text(r, type, sizeof type, "%s/%s/type", supplies, names.items[i]))
            continue;
        /* The battery of a mouse says "Device". */
        if (!strcmp(type, "Battery") &&
            !(wt_sys_text(r, scope, sizeof scope, "%s/%s/scope", supplies, names.items[i]) && !strcmp(scope, "Device")))
            json_array_append_new(batteries, battery_json(r, names.items[i]));
        if ((!strcmp(type, "Mains") || !strncmp(type, "USB", 3)) &&
            wt_sys_number(r, &online, "%s/%s/online", supplies, names.items[i])) {
            mains_known = true;
            mains |= online != 0;
        }
    }
    wt_sys_names_free(&names);
    json_object_set_new(o, "batteries", batteries);
    json_object_set_new(o, "on_mains", mains_known ? json_boolean(mains) : json_null());
    json_object_set_new(o, "meters", meters_json(r));
    return o;
}

/* --- temperature
 * ------------------------------------------------------------------------------------------------------------------ */
static void add_zones(json_t *list, const wt_sysroot *r)
{
    static const char folder[] = "/sys/class/thermal";
    wt_sys_names zones = wt_sys_list(r, folder, "thermal_zone");
    for (size_t i = 0; i < zones.n; i++) {
        char name[64], type[32];
        int64_t temp, trip;
        if (!wt_sys_number(r, &temp, "%s/%s/temp", folder, zones.items[i]))
            continue;
        if (!wt_sys_text(r, name, sizeof name, "%s/%s/type", folder, zones.items[i]))
            snprintf(name, sizeof name, "%s", zones.items[i]);
        json_t *o = json_pack("{s:o}", "celsius", json_real((double)temp / 1000));
        wt_hw_set_text(o, "name", name);
        for (int k = 0; k < 16; k++)
            if (wt_sys_text(r, type, sizeof type, "%s/%s/trip_point_%d_type", folder, zones.items[i], k) &&
                !strcmp(type, "critical") &&
                wt_sys_number(r, &trip, "%s/%s/trip_point_%d_temp", folder, zones.items[i], k))
                json_object_set_new(o, "critical_celsius", json_real((double)trip / 1000));
        json_array_append_new(list, o);
    }
    wt_sys_names_free(&zones);
}

/* Many desktop chips are in hwmon alone. */
static void add_sensors(json_t *list, const wt_sysroot *r)
{
    static const char *const processors[] = { "coretemp", "k10temp", "zenpower", "cpu_thermal" };
    wt_sys_names names = wt_sys_list(r, "/sys/class/hwmon", "hwmon");
    for (size_t i = 0; i < names.n; i++) {
        char name[64];
        int64_t temp;
        if (!wt_sys_text(r, name, sizeof name, "/sys/class/hwmon/%s/name", names.items[i]))
            continue;
        for (size_t k = 0; k < WT_ARRAY_LEN(processors); k++)
            if (!strcmp(name, processors[k]) &&
                wt_sys_number(r, &temp, "/sys/class/hwmon/%s/temp1_input", names.items[i]))
                json_array_append_new(list,
                                      json_pack("{s:s, s:o}", "name", name, "celsius", json_real((double)temp / 1000)));
    }
    wt_sys_names_free(&names);
}

json_t *wt_hw_thermal(const wt_sysroot *r)
{
    json_t *list = json_array();
    if (list) {
        add_zones(list, r);
        add_sensors(list, r);
    }
    return list;
}
