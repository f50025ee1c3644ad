import type { HeadLimits } from '../http1/head.ts'
import type { Field, FieldSink } from './hpack/field.ts'

/** As RequestLines: makes the head of an HTTP/1.1 response of a server's field block (RFC 9113 §8.3.2), for ResponseHead. */
export class ResponseLines implements FieldSink {
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
