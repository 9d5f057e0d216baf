/**
 * Vectors as the compiler's own types, with its operators. A point is LANES numbers side by side, each of another
 * sample. No arithmetic mixes lanes.
 *
 * WIDE is the number of bytes of the machine's vectors, 32 or 64, and LEVEL the namespace for what is compiled for
 * it.
 *
 * The arithmetic is that of ../kernels/, operation by operation, and must not be contracted (-ffp-contract=off): all
 * kernels give the same bytes.
 */
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <type_traits>
#include <utility>

#include "kernel.h"

namespace LEVEL {

/** One vector of the machine. */
typedef float Floats __attribute__((vector_size(WIDE)));
typedef double Doubles __attribute__((vector_size(WIDE)));
/** A point. */
typedef float FloatPoint __attribute__((vector_size(LANES * sizeof(float))));
typedef double DoublePoint __attribute__((vector_size(LANES * sizeof(double))));

/** Bytes of a point. */
constexpr size_t FLOATS = sizeof(FloatPoint);
constexpr size_t DOUBLES = sizeof(DoublePoint);
/** Points of float32 in a vector. */
constexpr size_t POINTS = sizeof(Floats) / FLOATS;

template <class Vector>
using Number = std::remove_reference_t<decltype(std::declval<Vector &>()[0])>;

template <class Vector>
inline Vector load(const void *at) {
  return *static_cast<const Vector *>(at);
}

template <class Vector>
inline void store(void *at, Vector vector) {
  *static_cast<Vector *>(at) = vector;
}

/** The number in all lanes: tables hold one number for all lanes. */
template <class Vector>
inline Vector all(Number<Vector> number) {
  return number - Vector{};
}

#if WIDE == 64
/** The first and the second of two points. */
inline FloatPoint first(Floats two) {
  return FloatPoint(_mm512_castps512_ps256(__m512(two)));
}
inline FloatPoint second(Floats two) {
  return FloatPoint(_mm512_extractf32x8_ps(__m512(two), 1));
}
inline Floats both(FloatPoint one, FloatPoint other) {
  return Floats(_mm512_insertf32x8(_mm512_castps256_ps512(__m256(one)), __m256(other), 1));
}
/** A table's number for each point of a vector. */
inline Floats spread(const float *table) {
  return both(all<FloatPoint>(table[0]), all<FloatPoint>(table[1]));
}
inline Floats repeat(FloatPoint point) {
  return both(point, point);
}
#else
inline Floats spread(const float *table) {
  return all<Floats>(table[0]);
}
inline Floats repeat(FloatPoint point) {
  return point;
}
#endif

}  // namespace LEVEL
