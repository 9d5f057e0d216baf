/** CRC-32C, which every record has over all its data. RFC 3720, appendix B.4. */
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../../native/addon.h"

#define WITH_CRC __attribute__((target("sse4.2,pclmul")))

namespace {

/** The polynomial. All polynomials in this file are bit-reversed: the highest bit stands for x^0. */
constexpr uint32_t POLYNOMIAL = 0x82f63b78;

/** x^power modulo the polynomial. */
constexpr uint32_t powerOfX(size_t power) {
  uint32_t value = 0x80000000;
  for (; power > 0; power--) value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
  return value;
}

/**
 * The factor with which `advance` extends a CRC by BYTES zero bytes, x^(8 BYTES - 33): the product of two bit-reversed
 * polynomials has an extra factor x, and the CRC of its 64 bits multiplies it by x^32.
 */
template <size_t BYTES>
constexpr uint32_t ADVANCE = powerOfX(8 * BYTES - 33);

WITH_CRC inline uint32_t advance(uint32_t crc, uint32_t factor) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128(int(crc)), _mm_cvtsi32_si128(int(factor)), 0);
  return uint32_t(_mm_crc32_u64(0, uint64_t(_mm_cvtsi128_si64(product))));
}

inline uint64_t loadEightBytes(const uint8_t *at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/** Three stretches at once: the CRC instruction has a latency of three cycles, and one can start in each cycle. */
template <size_t STRETCH>
WITH_CRC inline uint32_t addStretches(uint32_t crc, const uint8_t *&at, const uint8_t *end) {
  while (size_t(end - at) >= 3 * STRETCH) {
    uint64_t a = crc, b = 0, c = 0;
    for (const uint8_t *stop = at + STRETCH; at < stop; at += 8) {
      a = _mm_crc32_u64(a, loadEightBytes(at));
      b = _mm_crc32_u64(b, loadEightBytes(at + STRETCH));
      c = _mm_crc32_u64(c, loadEightBytes(at + 2 * STRETCH));
    }
    at += 2 * STRETCH;
    crc = advance(advance(uint32_t(a), ADVANCE<STRETCH>) ^ uint32_t(b), ADVANCE<STRETCH>) ^ uint32_t(c);
  }
  return crc;
}

WITH_CRC uint32_t computeCrc(const uint8_t *at, size_t length) {
  const uint8_t *end = at + length;
  uint32_t crc = ~0u;
  crc = addStretches<8192>(crc, at, end);
  crc = addStretches<256>(crc, at, end);
  for (; end - at >= 8; at += 8) crc = uint32_t(_mm_crc32_u64(crc, loadEightBytes(at)));
  for (; at < end; at++) crc = _mm_crc32_u8(crc, *at);
  return ~crc;
}

/** crc32c(bytes: Uint8Array): number */
napi_value crc32c(napi_env env, napi_callback_info info) {
  napi_value argument, result = nullptr;
  size_t count = 1, length;
  void *bytes;
  napi_typedarray_type type;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (napi_get_typedarray_info(env, argument, &type, &length, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, nullptr, "crc32c takes a Uint8Array");
    return nullptr;
  }
  napi_create_uint32(env, computeCrc(static_cast<const uint8_t *>(bytes), length), &result);
  return result;
}

}  // namespace

void exportCrc(napi_env env, napi_value exports) {
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) {
    addFunction(env, exports, "crc32c", crc32c, nullptr);
  }
}
