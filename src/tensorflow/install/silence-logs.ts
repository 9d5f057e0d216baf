/**
 * C++ source that is built into the addon and applies TF_CPP_MIN_LOG_LEVEL from the first log line on.
 *
 * Since 2.20 TensorFlow logs through Abseil, and its static initializers print ("oneDNN custom operations are on")
 * before TensorFlow reads that variable. The addon is linked with `-z initfirst`, so this code runs before them. Errors
 * and fatal messages aren't caught or redirected: a crash while loading still says why.
 *
 * The names of Abseil's functions contain its release date; these are the releases in TensorFlow 2.18-2.21. A weak
 * symbol that the loaded TensorFlow lacks is null, and the only effect is a few lines on stderr.
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
