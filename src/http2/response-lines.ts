import { isDigit } from '../http1/bytes.ts'
import { FieldLines } from './field-lines.ts'
import { type Field, FieldKind } from './hpack/field.ts'

const VERSION = Buffer.from('HTTP/1.1 ')
const LINE_END = Buffer.from(' \r\n')

/** Makes the head of an HTTP/1.1 response of a server's field block (RFC 9113 §8.3.2), for ResponseHead to read. */
export class ResponseLines extends FieldLines {
  #hasStatus = false
  #hasFields = false

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
    const isStatus =
      end - 2 - from === 3 && isDigit(bytes[from]!) && isDigit(bytes[from + 1]!) && isDigit(bytes[from + 2]!)
    // 101 has no meaning here (§8.6).
    const isSwitching = isStatus && bytes[from] === 0x31 && bytes[from + 1] === 0x30 && bytes[from + 2] === 0x31
    if (this.#hasFields) this.fault = 'a pseudo-field follows other fields'
    else if (this.#hasStatus) this.fault = ':status is there twice'
    else if (!isStatus || isSwitching) this.fault = ':status is not a status of HTTP/2'
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
