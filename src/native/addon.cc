/** What chirpline does in machine code, as a Node addon; load.ts declares its exports. */
#include "addon.h"

NAPI_MODULE_INIT() {
  exportKernels(env, exports);
  exportCrc(env, exports);
  exportFiles(env, exports);
  return exports;
}
