/**
 * A field as the decoder hands it over: the line of HTTP/1.1, `name: value` with its line end, in `bytes[start, end)`. The object is
 * valid during the call only; so is the memory of a literal, while that of an entry holds until the next literal.
 */
export class Field {
  bytes: Buffer
  start = 0
  /** The offset after the name. */
  nameEnd = 0
  /** The offset after the line; the value is `bytes[nameEnd + 2, end - 2)`. */
  end = 0
  /** A `FieldKind`. */
  kind = 0
  /** Whether it is an entry of a table. */
  readonly isEntry: boolean

  constructor(bytes: Buffer, isEntry: boolean) {
    this.bytes = bytes
    this.isEntry = isEntry
  }
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
  /** Sec-WebSocket-Key and Sec-WebSocket-Accept: a WebSocket over HTTP/2 does without them (RFC 8441 §5). */
  WebSocketProof: 13,
} as const

/** What a field's size counts beyond its name and its value (RFC 7541 §4.1). */
export const FIELD_OVERHEAD = 32
/** The bytes of a line that are neither name nor value. */
export const LINE_OVERHEAD = ': \r\n'.length
