/**
 * Keeps the latest value for a version of what it is made from (an etag, the id of a plan). What fails is made again when it is
 * asked for again.
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
