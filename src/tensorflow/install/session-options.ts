/**
 * C++ source that is built into the addon and gives its sessions options, which tfjs leaves empty. The macro below renames
 * TF_NewSessionOptions in tfjs' own sources.
 *
 * The options are a ConfigProto:
 * - `device_count: {CPU: 2}`: a second device on the same threads, on which tests divide a batch as several GPUs would.
 * - `allow_soft_placement: true`: what has no GPU kernel, such as the gamma distribution, runs on the CPU.
 * - `graph_options.rewrite_options.layout_optimizer: OFF`: on a GPU this pass would turn a float32 training graph to channels
 *   first, with a transposition on either side of each convolution.
 */
export const SESSION_OPTIONS_MACRO = '-DTF_NewSessionOptions=chirplineSessionOptions';

export const SESSION_OPTIONS = `#undef TF_NewSessionOptions
#include "tensorflow/c/c_api.h"
extern "C" TF_SessionOptions* chirplineSessionOptions() {
  TF_SessionOptions* options = TF_NewSessionOptions();
  const unsigned char config[] = {0x0a, 7, 0x0a, 3, 'C', 'P', 'U', 0x10, 2, 0x38, 1, 0x52, 4, 0x52, 2, 0x08, 2};
  TF_Status* status = TF_NewStatus();
  TF_SetConfig(options, config, sizeof config, status);
  TF_DeleteStatus(status);
  return options;
}
`;
