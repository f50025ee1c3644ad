import { CR, FIELD_VALUE, isDigit, LF, SPACE } from './bytes.ts'
import { Head } from './head.ts'

const VERSION = Buffer.from('HTTP/1.')
const FAULT = 'the status line is malformed'

/**
 * The head of a response, RFC 9112 §4 and §5. Two things are allowed beyond it: a missing space before an absent reason
 * phrase, and statuses from 600 on, which some servers use although RFC 9110 §15 has none.
 */
export class ResponseHead extends Head {
  status = 0
  /** The offset after the status, where a space and the reason phrase follow. */
  statusEnd = 0

  protected override parseStartLine(to: number): number {
    const { bytes, start } = this
    for (let i = 0; i < VERSION.length; i++) {
      if (start + i >= to) return -1
      if (bytes[start + i] !== VERSION[i]) return this.faultOrWait(start + i, to, FAULT)
    }
    let at = start + VERSION.length
    if (at + 6 >= to) return this.faultOrWait(at, to, FAULT)
    const minor = bytes[at]!
    const hundreds = bytes[at + 2]! - 0x30
    const status = hundreds * 100 + (bytes[at + 3]! - 0x30) * 10 + (bytes[at + 4]! - 0x30)
    const digits = isDigit(bytes[at + 2]!) && isDigit(bytes[at + 3]!) && isDigit(bytes[at + 4]!)
    const known = (minor === 0x30 || minor === 0x31) && hundreds >= 1
    if (!known || !digits || bytes[at + 1] !== SPACE) return this.faultOrWait(at, to, FAULT)
    at += 5
    this.statusEnd = at
    if (bytes[at] === SPACE) {
      while (at < to && FIELD_VALUE[bytes[at]!] === 1) at++
      if (at + 1 >= to && (at >= to || bytes[at] === CR)) return -1
    }
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.faultOrWait(at, to, FAULT)
    this.minorVersion = minor === 0x30 ? 0 : 1
    this.status = status
    return at + 2
  }
}
