/**
 * Settings for the clients of AWS services other than S3. Without these timeouts, each attempt of the SDK on a network that
 * drops packets would wait for minutes.
 */
export const CONNECTION = {
  /** Timeouts for connecting, and for the next byte [ms]. */
  requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
} as const;
