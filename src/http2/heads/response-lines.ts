import { isDigit, ZERO } from '../../http1/bytes.ts'
import { type Field, FieldKind } from '../hpack/field.ts'
import { FieldLines } from './field-lines.ts'

const VERSION = Buffer.from('HTTP/1.1 ')
const LINE_END = Buffer.from(' \r\n')
/** It has no meaning in HTTP/2 (RFC 9113 §8.6). */
const SWITCHING_PROTOCOLS = 101

/** Makes the head of an HTTP/1.1 response of a server's field block (RFC 9113 §8.3.2), for ResponseHead to read. */
export class ResponseLines extends FieldLines {
  #hasStatus = false
  #hasFields = false

  /** The first digit of the status: 1 for an interim response, 2 for a success. */
  get statusClass(): number {
    return this.bytes[VERSION.length]! - ZERO
  }

  override begin(headSize: number): void {
    super.begin(headSize)
    this.#hasStatus = this.#hasFields = false
  }

  protected override special(field: Field): void {
    if (field.kind === FieldKind.Status) this.#status(field)
    else if (field.kind >= FieldKind.Cookie) this.addLine(field)
    else this.fault = 'a response has a pseudo-field of requests'
  }

  #status({ bytes, start, nameEnd, end }: Field): void {
    const from = nameEnd + 2
    const status = statusOf(bytes, from, end - 2)
    if (this.#hasFields) this.fault = 'a pseudo-field follows other fields'
    else if (this.#hasStatus) this.fault = ':status is there twice'
    else if (status < 100 || status === SWITCHING_PROTOCOLS) this.fault = ':status is not a status of HTTP/2'
    this.#hasStatus = true
    if (this.fault !== '' || !this.admits(end - start)) return
    this.append(VERSION, 0, VERSION.length)
    this.append(bytes, from, end - 2)
    this.append(LINE_END, 0, LINE_END.length)
  }

  protected override beginFields(): void {
    this.#hasFields = true
    if (!this.#hasStatus) this.fault = 'there is no :status'
  }
}

/** The number of three digits in `bytes[from, to)`; 0 if there is something else. */
function statusOf(bytes: Buffer, from: number, to: number): number {
  if (to - from !== 3) return 0
  let status = 0
  for (let at = from; at < to; at++) {
    if (!isDigit(bytes[at]!)) return 0
    status = status * 10 + bytes[at]! - ZERO
  }
  return status
}
