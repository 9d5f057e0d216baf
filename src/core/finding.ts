/** What `chirpline doctor` found out about one requirement. */
export interface Finding {
  name: string;
  /** 'ok': nothing to do. 'warn': works, but check it. 'missing': doesn't work without it. 'unknown': could not be found out. */
  status: 'ok' | 'warn' | 'missing' | 'unknown';
  detail: string;
  /** What to do about it. */
  advice?: string;
}
