/** chirpline's native code as a Node addon. load-native.ts declares its exports. */
#include "addon.h"

NAPI_MODULE_INIT() {
  exportKernels(env, exports);
  exportCrc(env, exports);
  exportFiles(env, exports);
  return exports;
}
