/**
 * Caches the value of `make` for the latest version (an etag, the id of a plan). A failure is not cached: the next call makes
 * the value again.
 */
export function keepLatest<T>(make: (version: string) => Promise<T>): (version: string) => Promise<T> {
  let kept: { version: string; value: Promise<T> } | undefined;
  return (version) => {
    if (kept?.version === version) return kept.value;
    const made = { version, value: make(version) };
    kept = made;
    made.value.catch(() => {
      if (kept === made) kept = undefined;
    });
    return made.value;
  };
}
