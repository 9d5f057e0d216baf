#pragma once
#include <node_api.h>

inline void addFunction(napi_env env, napi_value object, const char *name, napi_callback callback, const void *data) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, const_cast<void *>(data), &function);
  napi_set_named_property(env, object, name, function);
}

/** Each part of the addon adds its functions to the exports. */
void exportKernels(napi_env env, napi_value exports);
void exportCrc(napi_env env, napi_value exports);
void exportFiles(napi_env env, napi_value exports);
