/**
 * Settings of the clients of AWS services other than S3: whom a network drops packets is told so after the attempts that the
 * SDK makes, not after the minutes that the system would wait for each.
 */
export const CONNECTION = {
  /** Until there is a connection, and until the next byte on it [ms]. */
  requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
} as const;
