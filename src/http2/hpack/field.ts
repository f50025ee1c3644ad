/**
 * A field as the decoder hands it over: the line of HTTP/1.1, `name: value` with its line end, in `bytes[start, end)`. It is
 * valid during the call only.
 */
export interface Field {
  readonly bytes: Buffer
  readonly start: number
  /** The offset after the name. */
  readonly nameEnd: number
  /** The offset after the line; the value is `bytes[nameEnd + 2, end - 2)`. */
  readonly end: number
  /** A `FieldKind`: what the name means for the message, or that the field is malformed. */
  readonly kind: number
}

export interface FieldSink {
  field(field: Field): void
}

/** What a recipient has to know of a field before it takes over its line (RFC 9113 §8.2, §8.3). */
export const FieldKind = {
  Other: 0,
  /** The name or the value has a byte that it may not have, or the value begins or ends with white space. */
  Malformed: 1,
  /** Means something between two hops of HTTP/1.1 only. */
  ConnectionSpecific: 2,
  /** A name that begins with a colon and is not listed here. */
  UnknownPseudo: 3,
  Method: 4,
  Scheme: 5,
  Authority: 6,
  Path: 7,
  Protocol: 8,
  Status: 9,
  Cookie: 10,
  Host: 11,
  Te: 12,
} as const
