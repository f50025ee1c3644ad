import type { FieldSink } from './field.ts'

/** Decodes the field blocks of a connection, one after the other (RFC 7541). */
export class HpackDecoder {
  /** @param maxTableSize this end's SETTINGS_HEADER_TABLE_SIZE */
  constructor(maxTableSize: number) {
    void maxTableSize
  }

  /**
   * Decodes a whole block. All of it must be decoded, wanted or not, so that the next one can be.
   *
   * @throws ConnectionError COMPRESSION_ERROR; then no other block may be decoded
   */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): void {
    void [bytes, from, to, sink]
  }
}
