/* proto.h - field numbers of the ONNX messages (onnx-ml.proto), the same for reading and writing. Only fields that
 * mean something to us are named: readers skip the rest. */
#ifndef WT_ONNX_PROTO_H
#define WT_ONNX_PROTO_H

enum { /* ModelProto */
       MODEL_IR_VERSION = 1,
       MODEL_PRODUCER_NAME = 2,
       MODEL_PRODUCER_VERSION = 3,
       MODEL_GRAPH = 7,
       MODEL_OPSET_IMPORT = 8,
       MODEL_METADATA = 14,
       MODEL_FUNCTIONS = 25
};
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 }; /* StringStringEntryProto */
enum {                                   /* GraphProto */
       GRAPH_NODE = 1,
       GRAPH_NAME = 2,
       GRAPH_INITIALIZER = 5,
       GRAPH_INPUT = 11,
       GRAPH_OUTPUT = 12,
       GRAPH_VALUE_INFO = 13,
       GRAPH_SPARSE_INITIALIZER = 15
};
enum { /* NodeProto */
       NODE_INPUT = 1,
       NODE_OUTPUT = 2,
       NODE_NAME = 3,
       NODE_OP_TYPE = 4,
       NODE_ATTRIBUTE = 5,
       NODE_DOMAIN = 7,
       NODE_OVERLOAD = 8
};
enum { /* AttributeProto */
       ATTR_NAME = 1,
       ATTR_F = 2,
       ATTR_I = 3,
       ATTR_S = 4,
       ATTR_T = 5,
       ATTR_G = 6,
       ATTR_FLOATS = 7,
       ATTR_INTS = 8,
       ATTR_STRINGS = 9,
       ATTR_TENSORS = 10,
       ATTR_GRAPHS = 11,
       ATTR_TP = 14,
       ATTR_TYPE_PROTOS = 15,
       ATTR_TYPE = 20,
       ATTR_REF = 21,
       ATTR_SPARSE = 22,
       ATTR_SPARSES = 23
};
enum { /* AttributeProto.AttributeType */
       TYPE_UNDEFINED = 0,
       TYPE_FLOAT = 1,
       TYPE_INT = 2,
       TYPE_STRING = 3,
       TYPE_TENSOR = 4,
       TYPE_GRAPH = 5,
       TYPE_FLOATS = 6,
       TYPE_INTS = 7,
       TYPE_STRINGS = 8,
       TYPE_TENSORS = 9,
       TYPE_GRAPHS = 10,
       TYPE_SPARSE_TENSOR = 11,
       TYPE_SPARSE_TENSORS = 12,
       TYPE_TYPE_PROTO = 13,
       TYPE_TYPE_PROTOS = 14
};
enum { /* TensorProto */
       TENSOR_DIMS = 1,
       TENSOR_DATA_TYPE = 2,
       TENSOR_SEGMENT = 3,
       TENSOR_FLOAT_DATA = 4,
       TENSOR_INT32_DATA = 5,
       TENSOR_STRING_DATA = 6,
       TENSOR_INT64_DATA = 7,
       TENSOR_NAME = 8,
       TENSOR_RAW_DATA = 9,
       TENSOR_DOUBLE_DATA = 10,
       TENSOR_UINT64_DATA = 11,
       TENSOR_EXTERNAL = 13,
       TENSOR_LOCATION = 14
};
enum { SPARSE_VALUES = 1, SPARSE_INDICES = 2, SPARSE_DIMS = 3 };
enum { INFO_NAME = 1, INFO_TYPE = 2 }; /* ValueInfoProto */
enum {                                 /* TypeProto and its kinds */
       KIND_TENSOR = 1,
       KIND_SEQUENCE = 4,
       KIND_MAP = 5,
       KIND_OPAQUE = 7,
       KIND_SPARSE = 8,
       KIND_OPTIONAL = 9,
       TENSOR_TYPE_ELEM = 1,
       TENSOR_TYPE_SHAPE = 2,
       ELEM_TYPE = 1
};
enum { SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2 };
enum { /* FunctionProto */
       FUNCTION_NAME = 1,
       FUNCTION_INPUT = 4,
       FUNCTION_OUTPUT = 5,
       FUNCTION_ATTRIBUTE = 6,
       FUNCTION_NODE = 7,
       FUNCTION_OPSET_IMPORT = 9,
       FUNCTION_DOMAIN = 10,
       FUNCTION_ATTRIBUTE_PROTO = 11,
       FUNCTION_VALUE_INFO = 12,
       FUNCTION_OVERLOAD = 13
};
#endif
