#pragma once
#include "transform.h"

namespace LEVEL {

/** See computeMoments in ../kernels/normalize-kernel.ts. */
void computeMoments(const char *points, size_t length, const char *sum, double minimumDeviation, char *moments) {
  const DoublePoint count = all<DoublePoint>(double(length));
  const FloatPoint mean = __builtin_convertvector(load<DoublePoint>(sum) / count, FloatPoint);
  const Floats means = repeat(mean);
  DoublePoint total{};
  for (const char *p = points, *end = p + length * FLOATS; p < end;) {
    // Four sums of points at once, in as many vectors as they need.
    Floats sums[4 / POINTS]{};
    for (const char *stop = p + 4 * SOME * FLOATS; p < stop;) {
      for (Floats &own : sums) {
        const Floats d = load<Floats>(p) - means;
        own += d * d;
        p += sizeof(Floats);
      }
    }
#if WIDE == 64
    const FloatPoint some = (first(sums[0]) + second(sums[0])) + (first(sums[1]) + second(sums[1]));
#else
    const FloatPoint some = (sums[0] + sums[1]) + (sums[2] + sums[3]);
#endif
    total += __builtin_convertvector(some, DoublePoint);
  }
  total /= count;
  for (size_t lane = 0; lane < LANES; lane++) total[lane] = __builtin_sqrt(total[lane]);
  const DoublePoint least = all<DoublePoint>(minimumDeviation), divisor = total > least ? total : least;
  store(moments, mean);
  store(moments + FLOATS, __builtin_convertvector(1.0 / divisor, FloatPoint));
  store(moments + 2 * FLOATS, __builtin_convertvector(total, FloatPoint));
}

/** Transposes eight points into eight numbers of each lane. */
inline void transpose(__m256 r[8]) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      b[i + 2 * j] = _mm256_shuffle_ps(a[i + j], a[i + j + 2], 0x44);
      b[i + 2 * j + 1] = _mm256_shuffle_ps(a[i + j], a[i + j + 2], 0xee);
    }
  }
  for (int j = 0; j < 4; j++) {
    r[j] = _mm256_permute2f128_ps(b[j], b[j + 4], 0x20);
    r[j + 4] = _mm256_permute2f128_ps(b[j], b[j + 4], 0x31);
  }
}

inline void put(__m256 numbers, char *out, float) {
  _mm256_storeu_ps(reinterpret_cast<float *>(out), numbers);
}
/** Rounded to float16, to nearest, ties to even. */
inline void put(__m256 numbers, char *out, short) {
  _mm_storeu_si128(reinterpret_cast<__m128i *>(out), _mm256_cvtps_ph(numbers, _MM_FROUND_TO_NEAREST_INT));
}

/**
 * Writes (points - mean) * factor as numbers of Result's size, float32 or float16: the first lane to `out`, each
 * further lane `stride` bytes after the previous one.
 */
template <class Result>
void storeRows(const char *points, size_t length, const char *moments, char *out, size_t stride) {
  const FloatPoint mean = load<FloatPoint>(moments), factor = load<FloatPoint>(moments + FLOATS);
  for (const char *end = points + length * FLOATS; points < end; out += 8 * sizeof(Result)) {
    __m256 rows[8];
    for (__m256 &row : rows) {
      row = __m256((load<FloatPoint>(points) - mean) * factor);
      points += FLOATS;
    }
    transpose(rows);
    for (size_t lane = 0; lane < LANES; lane++) put(rows[lane], out + lane * stride, Result());
  }
}

}  // namespace LEVEL
