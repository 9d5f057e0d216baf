/**
 * C++ source that is built into the addon and makes TF_CPP_MIN_LOG_LEVEL hold from the first line on.
 *
 * Since 2.20 TensorFlow logs through Abseil, and its static initializers print ("oneDNN custom operations are on")
 * before it reads that variable itself. The addon is linked with `-z initfirst`, so this runs before them. Errors and
 * fatal messages are not caught or redirected: a crash while loading still says why.
 *
 * Abseil's functions carry its release date in their names; these are the releases inside TensorFlow 2.18-2.21. A
 * weak name that the loaded TensorFlow lacks is null, and the only effect is a few lines on stderr.
 */
export const SILENCE = `#include <cstdlib>
#include <initializer_list>
using SetMinLogLevel = void(int);
extern "C" {
__attribute__((weak)) SetMinLogLevel _ZN4absl12lts_2023080214SetMinLogLevelENS0_18LogSeverityAtLeastE;
__attribute__((weak)) SetMinLogLevel _ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE;
__attribute__((weak)) SetMinLogLevel _ZN4absl12lts_2025081414SetMinLogLevelENS0_18LogSeverityAtLeastE;
}
__attribute__((constructor)) static void silence() {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level == nullptr) return;
  for (SetMinLogLevel* set : {_ZN4absl12lts_2023080214SetMinLogLevelENS0_18LogSeverityAtLeastE,
                              _ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE,
                              _ZN4absl12lts_2025081414SetMinLogLevelENS0_18LogSeverityAtLeastE}) {
    if (set != nullptr) set(std::atoi(level));
  }
}
`;
