/** Caches of values that are made once for each name. A failure is not cached: the next call makes the value again. */

/** Caches the values of `make` for all names, or for the latest `limit` of them. */
export function memoize<T>(make: (name: string) => T, limit = Number.POSITIVE_INFINITY): (name: string) => T {
  const kept = new Map<string, T>();
  return (name) => {
    const found = kept.get(name);
    if (found !== undefined) return found;
    const value = make(name);
    kept.set(name, value);
    if (kept.size > limit) kept.delete(kept.keys().next().value!);
    if (value instanceof Promise) {
      value.catch(() => {
        if (kept.get(name) === value) kept.delete(name);
      });
    }
    return value;
  };
}

/** Caches the value of `make` for the latest version: an etag, or the id of a plan. */
export function memoizeLatest<T>(make: (version: string) => T): (version: string) => T {
  return memoize(make, 1);
}
