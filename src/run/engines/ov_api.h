/* ov_api.h - the part of OpenVINO's C interface that we call, declared by ourselves.
 *
 * Functions are found by name (the interface is that of 2022.3 and later). Every one answers a status, 0 for success, a
 * negative number otherwise; ov_get_last_err_msg has the words. Results go through the last pointer, but for compiling,
 * whose keys and values follow it. Strings that are handed out are freed by ov_free. The numbers of element types have
 * changed between releases, so they are learned from the library (ov_values.c), never written down. */
#ifndef WT_OV_API_H
#define WT_OV_API_H
#include <stddef.h>
#include <stdint.h>

typedef struct OvCore OvCore;
typedef struct OvModel OvModel;
typedef struct OvCompiled OvCompiled;
typedef struct OvRequest OvRequest;
typedef struct OvTensor OvTensor;
typedef struct OvPort OvPort;

typedef struct OvVersion {
    const char *build, *description;
} OvVersion;
typedef struct OvDevices {
    char **names;
    size_t n;
} OvDevices;
typedef struct OvShape {
    int64_t rank, *dims;
} OvShape;
typedef struct OvDim {
    int64_t min, max; /* equal: known */
} OvDim;
typedef struct OvPartialShape {
    OvDim rank;
    OvDim *dims;
} OvPartialShape;
typedef struct OvProfile {
    int status; /* 2: it ran */
    int64_t real_us, cpu_us;
    const char *node, *kernel, *type;
} OvProfile;
typedef struct OvProfiles {
    OvProfile *items;
    size_t n;
} OvProfiles;
enum { OV_NODE_RAN = 2, OV_NOT_IMPLEMENTED = -2 };

/* X(member, function, result, arguments) */
#define OV_FUNCTIONS(X)                                                                                                \
    X(version, ov_get_openvino_version, int, (OvVersion *))                                                            \
    X(version_free, ov_version_free, void, (OvVersion *))                                                              \
    X(last_error, ov_get_last_err_msg, const char *, (void))                                                           \
    X(error_info, ov_get_error_info, const char *, (int))                                                              \
    X(free, ov_free, void, (const char *))                                                                             \
    X(core_create, ov_core_create, int, (OvCore **))                                                                   \
    X(core_free, ov_core_free, void, (OvCore *))                                                                       \
    X(devices, ov_core_get_available_devices, int, (const OvCore *, OvDevices *))                                      \
    X(devices_free, ov_available_devices_free, void, (OvDevices *))                                                    \
    X(core_property, ov_core_get_property, int, (const OvCore *, const char *device, const char *key, char **))        \
    X(read, ov_core_read_model, int, (const OvCore *, const char *path, const char *weights, OvModel **))              \
    X(read_bytes, ov_core_read_model_from_memory_buffer, int,                                                          \
      (const OvCore *, const char *, size_t, const OvTensor *, OvModel **))                                            \
    X(compile, ov_core_compile_model, int,                                                                             \
      (const OvCore *, const OvModel *, const char *device, size_t arguments, OvCompiled **, ...))                     \
    X(model_free, ov_model_free, void, (OvModel *))                                                                    \
    X(inputs, ov_model_inputs_size, int, (const OvModel *, size_t *))                                                  \
    X(outputs, ov_model_outputs_size, int, (const OvModel *, size_t *))                                                \
    X(input, ov_model_const_input_by_index, int, (const OvModel *, size_t, OvPort **))                                 \
    X(output, ov_model_const_output_by_index, int, (const OvModel *, size_t, OvPort **))                               \
    X(reshape, ov_model_reshape_by_port_indexes, int,                                                                  \
      (const OvModel *, const size_t *ports, const OvPartialShape *, size_t))                                          \
    X(port_name, ov_port_get_any_name, int, (const OvPort *, char **))                                                 \
    X(port_type, ov_port_get_element_type, int, (const OvPort *, int *))                                               \
    X(port_shape, ov_port_get_partial_shape, int, (const OvPort *, OvPartialShape *))                                  \
    X(port_free, ov_output_const_port_free, void, (OvPort *))                                                          \
    X(partial_free, ov_partial_shape_free, void, (OvPartialShape *))                                                   \
    X(compiled_property, ov_compiled_model_get_property, int, (const OvCompiled *, const char *key, char **))          \
    X(compiled_free, ov_compiled_model_free, void, (OvCompiled *))                                                     \
    X(request, ov_compiled_model_create_infer_request, int, (const OvCompiled *, OvRequest **))                        \
    X(request_free, ov_infer_request_free, void, (OvRequest *))                                                        \
    X(give, ov_infer_request_set_input_tensor_by_index, int, (OvRequest *, size_t, const OvTensor *))                  \
    X(take, ov_infer_request_get_output_tensor_by_index, int, (const OvRequest *, size_t, OvTensor **))                \
    X(infer, ov_infer_request_infer, int, (OvRequest *))                                                               \
    X(profiles, ov_infer_request_get_profiling_info, int, (const OvRequest *, OvProfiles *))                           \
    X(profiles_free, ov_profiling_info_list_free, void, (OvProfiles *))                                                \
    X(tensor_new, ov_tensor_create, int, (int type, OvShape, OvTensor **))                                             \
    X(tensor_over, ov_tensor_create_from_host_ptr, int, (int type, OvShape, void *, OvTensor **))                      \
    X(tensor_shape, ov_tensor_get_shape, int, (const OvTensor *, OvShape *))                                           \
    X(tensor_type, ov_tensor_get_element_type, int, (const OvTensor *, int *))                                         \
    X(tensor_bytes, ov_tensor_get_byte_size, int, (const OvTensor *, size_t *))                                        \
    X(tensor_data, ov_tensor_data, int, (const OvTensor *, void **))                                                   \
    X(tensor_free, ov_tensor_free, void, (OvTensor *))                                                                 \
    X(shape_free, ov_shape_free, int, (OvShape *))

typedef struct OvTable {
#define X(member, function, result, arguments) result(*member) arguments;
    OV_FUNCTIONS(X)
#undef X
    /* Of later releases; NULL where it is not there. */
    int (*strings)(const char **texts, size_t n, OvShape, OvTensor **);
} OvTable;
#endif
