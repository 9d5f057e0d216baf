/**
 * C++ source that is built into the addon and gives its sessions options, which tfjs leaves empty. The macro below renames
 * TF_NewSessionOptions in tfjs' own sources.
 *
 * The options are a ConfigProto with `graph_options.rewrite_options.layout_optimizer: OFF`. On a GPU this pass would turn a
 * float32 training graph to channels first, with a transposition on either side of each convolution.
 */
export const SESSION_OPTIONS_MACRO = '-DTF_NewSessionOptions=chirplineSessionOptions';

export const SESSION_OPTIONS = `#undef TF_NewSessionOptions
#include "tensorflow/c/c_api.h"
extern "C" TF_SessionOptions* chirplineSessionOptions() {
  TF_SessionOptions* options = TF_NewSessionOptions();
  const unsigned char config[] = {0x52, 4, 0x52, 2, 0x08, 2};
  TF_Status* status = TF_NewStatus();
  TF_SetConfig(options, config, sizeof config, status);
  TF_DeleteStatus(status);
  return options;
}
`;
