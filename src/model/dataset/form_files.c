/* form_files.c - sets whose samples are files: class folders, a folder with or without labels.csv, a pattern, one file.
 *
 * All files of a set are of one kind. Sounds are listed as files, hashed once, and then become as many entries as
 * they have frames: frames of one recording share its hash, so that a split never tears one apart. */
#include "model/dataset/csv.h"
#include "model/dataset/dataset_impl.h"
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include "base/hash.h"

enum { MAX_CSV = 1 << 30 };

typedef struct files {
    wt_file_kind kind;
} files;

/* --- listing folders
 * --------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

wt_status wt_list_folder(wt_arena *arena, const char *path, const char ***names, size_t *count, wt_err *err)
{
    void *list = NULL;
    size_t cap = 0, n = 0;
    wt_status st = WT_OK;
    DIR *dir = opendir(path);
    if (!dir)
        return wt_fail_errno(err, "cannot open folder %s", path);
    for (struct dirent *e; st == WT_OK && (errno = 0, e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char *full = wt_path_join(arena->ctx, path, e->d_name, err);
        const bool folder = full && wt_path_is_dir(full);
        wt_free(arena->ctx, full);
        char *name = full ? wt_arena_printf(arena, err, folder ? "%s/" : "%s", e->d_name) : NULL;
        st = name ? wt_grow(arena->ctx, &list, &cap, n + 1, sizeof(char *), err) : WT_ENOMEM;
        if (st == WT_OK)
            ((const char **)list)[n++] = name;
    }
    if (st == WT_OK && errno)
        st = wt_fail_errno(err, "cannot read folder %s", path);
    closedir(dir);
    if (st == WT_OK && !(*names = wt_arena_alloc(arena, n, sizeof **names, err)))
        st = WT_ENOMEM;
    if (st == WT_OK && n) {
        memcpy(*names, list, n * sizeof(char *));
        qsort(*names, n, sizeof **names, by_name);
    }
    *count = n;
    wt_free(arena->ctx, list);
    return st;
}

/* --- entries
 * --------------------------------------------------------------------------------------------------------------------
 */

static wt_status need_state(wt_core *core, wt_err *err)
{
    if (!core->state)
        core->state = wt_arena_alloc(&core->arena, 1, sizeof(files), err);
    return core->state ? WT_OK : WT_ENOMEM;
}

/* `named`: somebody named this very file. What merely lies in a folder gives way: texts beside other data are notes. */
static wt_status add_file(wt_core *core, const char *name, const char *label, bool named, wt_err *err)
{
    files *f = core->state;
    const wt_file_kind kind = wt_file_kind_of(name);
    wt_entry *e = NULL;
    const bool note = !named && kind == WT_FILE_TEXT &&
                      (!strcmp(wt_path_base(name), "labels.txt") ||
                       (f->kind != WT_FILE_TEXT && f->kind != WT_FILE_OTHER));
    if (kind == WT_FILE_OTHER || note) {
        core->ignored++;
        return WT_OK;
    }
    if (!named && f->kind == WT_FILE_TEXT && kind != WT_FILE_TEXT) {
        core->ignored += core->n;
        core->n = 0;
        f->kind = kind;
    }
    if (f->kind != WT_FILE_OTHER && f->kind != kind) {
        wt_fail(err, WT_EUSAGE, "%s is of another kind than the files before it", name);
        wt_err_hint(err, "keep pictures, sounds, arrays and texts in folders of their own, or name them by a pattern");
        return WT_EUSAGE;
    }
    f->kind = kind;
    WT_TRY(wt_core_add(core, &e, err));
    e->name = name;
    e->label = label;
    return WT_OK;
}

static bool all_numbers(const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!names[i][0] || strspn(names[i], "0123456789") != strlen(names[i]) || strlen(names[i]) > 9)
            return false;
    return true;
}

static int by_number(const void *a, const void *b)
{
    const long x = atol(*(const char *const *)a), y = atol(*(const char *const *)b);
    return x < y ? -1 : x > y ? 1 : by_name(a, b);
}

/* Class names from folder names: "10" behind "9" when all are numbers. */
static wt_status classes_from(wt_core *core, const char *const *names, size_t n, wt_err *err)
{
    core->classes = wt_arena_alloc(&core->arena, n, sizeof *core->classes, err);
    if (!core->classes)
        return WT_ENOMEM;
    memcpy(core->classes, names, n * sizeof *names);
    core->n_classes = n;
    if (all_numbers(names, n))
        qsort(core->classes, n, sizeof *core->classes, by_number);
    return WT_OK;
}

static wt_status list_class_folders(wt_core *core, wt_err *err)
{
    const char **names, **inner;
    size_t n, count, folders = 0;
    WT_TRY(need_state(core, err));
    WT_TRY(wt_list_folder(&core->arena, core->path, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (!wt_str_ends(names[i], "/")) {
            core->ignored++;
            continue;
        }
        char *folder = wt_arena_strndup(&core->arena, names[i], strlen(names[i]) - 1, err);
        char *path = folder ? wt_path_join(core->ctx, core->path, folder, err) : NULL;
        if (!path)
            return WT_ENOMEM;
        const size_t before = core->n;
        wt_status st = wt_list_folder(&core->arena, path, &inner, &count, err);
        for (size_t k = 0; k < count && st == WT_OK; k++) {
            char *name = wt_arena_printf(&core->arena, err, "%s%s", names[i], inner[k]);
            st = name ? add_file(core, name, folder, false, err) : WT_ENOMEM;
        }
        wt_free(core->ctx, path);
        if (st != WT_OK)
            return st;
        if (core->n > before)
            names[folders++] = folder; /* a folder without data is no class */
    }
    return core->n_classes ? WT_OK : classes_from(core, names, folders, err);
}

/* Rows of labels.csv; a first row "file,label" (in any order, among others) says where the two columns are. */
static wt_status list_csv(wt_core *core, const char *text, size_t len, wt_err *err)
{
    enum { COLUMNS = 16 };
    wt_csv csv;
    const char *f[COLUMNS];
    size_t n, file = 0, label = 1;
    wt_csv_open(&csv, &core->arena, text, len);
    for (bool first = true;; first = false) {
        WT_TRY(wt_csv_row(&csv, f, COLUMNS, &n, err));
        if (n == 0)
            return WT_OK;
        if (n < 2)
            return wt_fail(err, WT_EFORMAT, "line %llu: expected file,label", (unsigned long long)csv.line);
        size_t has_file = COLUMNS, has_label = COLUMNS;
        for (size_t i = 0; first && i < n && i < COLUMNS; i++) {
            has_file = !strcmp(f[i], "file") ? i : has_file;
            has_label = !strcmp(f[i], "label") ? i : has_label;
        }
        if (has_file < COLUMNS && has_label < COLUMNS) {
            file = has_file;
            label = has_label;
            continue;
        }
        if (n <= file || n <= label)
            return wt_fail(err, WT_EFORMAT, "line %llu: the file or the label is missing",
                           (unsigned long long)csv.line);
        const char *name = f[file];
        if (name[0] == '/' || !name[0] || strstr(name, "../") || wt_str_ends(name, ".."))
            return wt_fail(err, WT_EFORMAT, "line %llu: %s is not a file below the folder",
                           (unsigned long long)csv.line, name);
        char *path = wt_path_join(core->ctx, core->path, name, err);
        if (!path)
            return WT_ENOMEM;
        const bool there = wt_path_exists(path) && !wt_path_is_dir(path);
        wt_free(core->ctx, path);
        if (!there)
            return wt_fail(err, WT_EFORMAT, "line %llu: there is no file %s", (unsigned long long)csv.line, name);
        WT_TRY(add_file(core, name, f[label], true, err));
    }
}

/* How many data files of the folder labels.csv does not name: they are left out, and that is said. */
static void count_unnamed(wt_core *core, const char *const *names, size_t n)
{
    size_t data = 0, here = 0;
    for (size_t i = 0; i < n; i++)
        data += wt_file_kind_of(names[i]) == ((files *)core->state)->kind;
    for (size_t i = 0; i < core->n; i++)
        here += strchr(core->entries[i].name, '/') == NULL;
    if (data > here)
        core->ignored += data - here;
}

static wt_status list_folder_files(wt_core *core, wt_err *err)
{
    const char **names;
    size_t n;
    char *csv = wt_path_join(core->ctx, core->path, "labels.csv", err);
    if (!csv)
        return WT_ENOMEM;
    wt_status st = wt_list_folder(&core->arena, core->path, &names, &n, err);
    if (st == WT_OK && wt_path_exists(csv)) {
        char *text = NULL;
        size_t len = 0;
        st = wt_read_file(core->ctx, csv, MAX_CSV, &text, &len, err);
        if (st == WT_OK && (st = list_csv(core, text, len, err)) != WT_OK)
            wt_err_where(err, "%s", csv);
        wt_free(core->ctx, text);
        if (st == WT_OK)
            count_unnamed(core, names, n);
    } else {
        for (size_t i = 0; i < n && st == WT_OK; i++) {
            if (wt_str_ends(names[i], "/"))
                core->ignored++;
            else
                st = add_file(core, names[i], NULL, false, err);
        }
    }
    wt_free(core->ctx, csv);
    return st;
}

static wt_status list_pattern(wt_core *core, wt_err *err)
{
    glob_t found = { 0 };
    const int code = glob(core->path, 0, NULL, &found);
    wt_status st = code == GLOB_NOSPACE ? wt_fail(err, WT_ENOMEM, "no memory for the files of %s", core->path) : WT_OK;
    for (size_t i = 0; i < found.gl_pathc && st == WT_OK; i++) {
        if (wt_path_is_dir(found.gl_pathv[i]))
            continue;
        char *name = wt_arena_strdup(&core->arena, found.gl_pathv[i], err);
        st = name ? add_file(core, name, NULL, true, err) : WT_ENOMEM;
    }
    globfree(&found);
    core->path = ""; /* the names are complete */
    return st;
}

static wt_status list_files(wt_core *core, wt_err *err)
{
    WT_TRY(need_state(core, err));
    if (wt_path_is_dir(core->path))
        return list_folder_files(core, err);
    if (!wt_path_exists(core->path))
        return list_pattern(core, err);
    const char *name = core->path;
    core->path = "";
    return add_file(core, name, NULL, true, err);
}

/* --- hashing and reading
 * ------------------------------------------------------------------------------------------------------ */

static wt_status path_of(const wt_core *core, const wt_entry *e, char **path, wt_err *err)
{
    if (core->path[0])
        *path = wt_path_join(core->ctx, core->path, e->name, err);
    else if ((*path = wt_alloc(core->ctx, strlen(e->name) + 1, 1, err)))
        strcpy(*path, e->name);
    return *path ? WT_OK : WT_ENOMEM;
}

static wt_status hash_file(const wt_core *core, wt_entry *e, wt_err *err)
{
    char *path;
    wt_map map;
    WT_TRY(path_of(core, e, &path, err));
    const wt_status st = wt_map_open(&map, core->ctx, path, err);
    wt_free(core->ctx, path);
    if (st != WT_OK)
        return st;
    wt_sha256 sha;
    wt_sha256_init(&sha);
    wt_sha256_add(&sha, map.data, (size_t)map.size);
    wt_sha256_end(&sha, e->hash);
    wt_map_close(&map);
    return WT_OK;
}

static wt_status count_frames(const wt_core *core, const wt_entry *e, uint64_t *frames, wt_err *err)
{
    char *path;
    wt_map map;
    wt_wav wav;
    WT_TRY(path_of(core, e, &path, err));
    wt_status st = wt_map_open(&map, core->ctx, path, err);
    wt_free(core->ctx, path);
    if (st != WT_OK)
        return st;
    st = wt_wav_parse(&wav, map.data, map.size, err);
    wt_map_close(&map);
    if (st != WT_OK) {
        wt_err_where(err, "%s", e->name);
        return st;
    }
    *frames = wt_sound_input_count(&core->reader.sound, &wav);
    return WT_OK;
}

/* The first frame stays where the file was; the others follow at the end (order is made later). Also where, once the
 * kind is known, the reader is prepared. */
static wt_status expand(wt_core *core, wt_err *err)
{
    files *f = core->state;
    static const char *const names[] = { "files", "images", "wav", "npy", "npz", "text" };
    WT_TRY(wt_reader_prepare(&core->reader, f->kind, &core->pp, err));
    if (core->form == &wt_form_files)
        core->form_name = names[f->kind];
    const size_t n = f->kind == WT_FILE_SOUND ? core->n : 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t frames = 0;
        WT_TRY(count_frames(core, &core->entries[i], &frames, err));
        for (uint64_t k = 1; k < frames; k++) {
            wt_entry *e;
            WT_TRY(wt_core_add(core, &e, err));
            *e = core->entries[i];
            e->number = k;
        }
    }
    return WT_OK;
}

static wt_status read_entry(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err)
{
    const files *f = core->state;
    char *path;
    if (f->kind == WT_FILE_SOUND && core->reader.sound.pp.frame)
        wt_buf_printf(&s->source, "%s[%llu]", e->name, (unsigned long long)e->number);
    else
        wt_buf_puts(&s->source, e->name);
    WT_TRY(path_of(core, e, &path, err));
    const wt_status st = wt_read_data_file(&core->reader, f->kind, path, e->number, s, err);
    wt_free(core->ctx, path);
    return st;
}

const wt_form wt_form_class_folders = {
    "class-folders", list_class_folders, hash_file, expand, read_entry, NULL, NULL
};
const wt_form wt_form_files = { "files", list_files, hash_file, expand, read_entry, NULL, NULL };
