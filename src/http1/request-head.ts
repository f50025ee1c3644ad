import { isIPv6 } from 'node:net'
import {
  ASTERISK,
  AT,
  COLON,
  CR,
  DOT,
  HASH,
  HEX,
  HOST_NAME,
  IP_LITERAL,
  isDigit,
  LF,
  lower,
  PERCENT,
  QUESTION,
  SLASH,
  SPACE,
  TARGET,
  TOKEN,
} from './bytes.ts'
import { FieldName } from './field-name.ts'
import { Head } from './head.ts'
import { MessageError } from './message-error.ts'

/** The most bytes of a method: the longest registered one has 17 (RFC 9110 §16.1). */
const MAX_METHOD_BYTES = 64

/** The ways to write a request's target (RFC 9112 §3.2); authority-form belongs to CONNECT, which a gateway refuses. */
export type TargetForm = 'origin' | 'absolute' | 'asterisk'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']
const commonMethods = methods.map((name) => ({ name, letters: Buffer.from(name) }))

/** The head of a request, RFC 9112 §3 and §5, read strictly: what two readers could understand differently is refused. */
export class RequestHead extends Head {
  method = ''
  methodEnd = 0
  form: TargetForm = 'origin'
  targetStart = 0
  targetEnd = 0
  /** The target's path, without the query; empty if an absolute target has none. */
  pathStart = 0
  pathEnd = 0
  /** Whether the path is already in normal form: no percent-encoding, dot segment or doubled slash. */
  plainPath = true
  /** The host that the request is for: the authority of an absolute target, else the value of Host; empty if there is neither. */
  authorityStart = 0
  authorityEnd = 0

  protected override parseStartLine(to: number): number {
    const bytes = this.bytes
    let at = this.start
    if (bytes[at] === CR) {
      // One empty line before a request is allowed (RFC 9112 §2.2).
      if (at + 1 >= to) return -1
      if (bytes[at + 1] !== LF) return this.faultOrWait(at, to, 'a carriage return has no line feed after it')
      at += 2
      this.start = at
    }
    while (at < to && TOKEN[bytes[at]!] === 1) at++
    if (at - this.start > MAX_METHOD_BYTES)
      throw new MessageError(`the method is longer than ${MAX_METHOD_BYTES} bytes`, 'not-implemented')
    if (at >= to) return -1
    if (bytes[at] !== SPACE || at === this.start) return this.faultOrWait(at, to, 'the method is not a token')
    this.methodEnd = at
    this.targetStart = ++at
    at = this.#scanTarget(at, to)
    if (at >= to) return -1
    if (bytes[at] !== SPACE || at === this.targetStart) return this.faultOrWait(at, to, faultOfTarget(bytes[at]!))
    this.targetEnd = at
    return this.#parseVersion(at + 1, to)
  }

  /** Runs to the end of the target and notes where the query begins and whether the path is in normal form. */
  #scanTarget(from: number, to: number): number {
    const bytes = this.bytes
    let at = from
    let plain = true
    let previous = 0
    while (at < to) {
      const byte = bytes[at]!
      if (TARGET[byte] !== 1 || byte === QUESTION) break
      if (byte === PERCENT || (previous === SLASH && (byte === SLASH || byte === DOT))) plain = false
      previous = byte
      at++
    }
    this.plainPath = plain
    this.pathStart = from
    this.pathEnd = at
    while (at < to && TARGET[bytes[at]!] === 1) at++
    return at
  }

  #parseVersion(from: number, to: number): number {
    const bytes = this.bytes
    const fault = 'the request line does not end in an HTTP version'
    for (let i = 0; i < VERSION.length; i++) {
      if (from + i >= to) return -1
      if (bytes[from + i] !== VERSION[i]) return this.faultOrWait(from + i, to, fault)
    }
    const at = from + VERSION.length
    if (at + 4 >= to) return this.faultOrWait(at, to, fault)
    const major = bytes[at]!
    const minor = bytes[at + 2]!
    if (!isDigit(major) || bytes[at + 1] !== DOT || !isDigit(minor)) return this.faultOrWait(at, to, fault)
    if (bytes[at + 3] !== CR || bytes[at + 4] !== LF) return this.faultOrWait(at, to, fault)
    if (major !== 0x31 || minor > 0x31)
      throw new MessageError('only HTTP/1.0 and HTTP/1.1 are supported', 'version-unknown')
    this.minorVersion = minor - 0x30
    this.method = this.#methodName()
    this.#judgeTarget()
    return at + 5
  }

  #methodName(): string {
    const { bytes, start, methodEnd } = this
    const length = methodEnd - start
    next: for (let m = 0; m < commonMethods.length; m++) {
      const { name, letters } = commonMethods[m]!
      if (letters.length !== length) continue
      for (let i = 0; i < length; i++) {
        if (bytes[start + i] !== letters[i]) continue next
      }
      return name
    }
    return bytes.toString('latin1', start, methodEnd)
  }

  #judgeTarget(): void {
    const { bytes, targetStart, targetEnd } = this
    this.authorityStart = this.authorityEnd = 0
    if (this.method === 'CONNECT') {
      if (!isAuthority(bytes, targetStart, targetEnd, 'with port'))
        throw new MessageError('the target of CONNECT is not a host with its port')
    } else if (bytes[targetStart] === SLASH) {
      this.form = 'origin'
    } else if (bytes[targetStart] === ASTERISK && targetEnd - targetStart === 1) {
      if (this.method !== 'OPTIONS') throw new MessageError('the target * is for OPTIONS only')
      this.form = 'asterisk'
    } else {
      this.form = 'absolute'
      this.#parseAbsoluteTarget()
    }
  }

  /** `http://authority[/path][?query]` (RFC 9112 §3.2.2). */
  #parseAbsoluteTarget(): void {
    const { bytes, targetStart, targetEnd, pathEnd } = this
    let at = targetStart
    for (const letter of HTTP) {
      if (at >= targetEnd || lower(bytes[at]!) !== letter) throw new MessageError(NOT_A_TARGET)
      at++
    }
    if (lower(bytes[at]!) === 0x73) at++ // https
    if (bytes[at] !== COLON || bytes[at + 1] !== SLASH || bytes[at + 2] !== SLASH) throw new MessageError(NOT_A_TARGET)
    at += 3
    const authority = at
    while (at < pathEnd && bytes[at] !== SLASH) at++
    if (!isAuthority(bytes, authority, at))
      throw new MessageError("the target's authority is not a host with an optional port")
    this.authorityStart = authority
    this.authorityEnd = at
    this.pathStart = at
    this.plainPath = isPlain(bytes, at, pathEnd)
  }

  override parse(...of: Parameters<Head['parse']>): boolean {
    if (!super.parse(...of)) return false
    this.#judgeHost()
    // A tunnel to a host of the client's choice, which a gateway has no use for (RFC 9110 §9.3.6).
    if (this.method === 'CONNECT')
      throw new MessageError('CONNECT is for forward proxies, and this is not one', 'not-implemented')
    return true
  }

  /** Exactly one valid Host; HTTP/1.0 may lack it (RFC 9112 §3.2). An absolute target takes precedence over it. */
  #judgeHost(): void {
    const host = this.find(FieldName.Host)
    if (host < 0) {
      if (this.minorVersion >= 1) throw new MessageError('the Host header is missing')
      return
    }
    for (let field = host + 1; field < this.count; field++) {
      if (this.names[field] === FieldName.Host) throw new MessageError('there is more than one Host header')
    }
    const from = this.valueStart(host)
    const to = this.valueEnd(host)
    if (!isAuthority(this.bytes, from, to))
      throw new MessageError('the Host header is not a host with an optional port')
    if (this.form === 'absolute') return
    this.authorityStart = from
    this.authorityEnd = to
  }
}

const HTTP = Buffer.from('http')
const VERSION = Buffer.from('HTTP/')
const NOT_A_TARGET = 'the target is neither a path nor an http URL'

/** `host [":" port]`, without userinfo (RFC 9110 §4.2.4 and §7.2); CONNECT needs both (§9.3.6). */
function isAuthority(bytes: Buffer, from: number, to: number, which: 'any' | 'with port' = 'any'): boolean {
  let at = from
  if (bytes[at] === 0x5b) {
    at++
    while (at < to && IP_LITERAL[bytes[at]!] === 1) at++
    if (at >= to || bytes[at] !== 0x5d || !isIPv6(bytes.toString('latin1', from + 1, at))) return false
    at++
  } else {
    while (at < to && HOST_NAME[bytes[at]!] === 1) {
      // The byte after a host is never hexadecimal, so this need not look at `to`.
      if (bytes[at] === PERCENT && (HEX[bytes[at + 1]!] === 255 || HEX[bytes[at + 2]!] === 255)) return false
      at++
    }
    if (at === from) return false
  }
  if (at === to) return which === 'any'
  if (bytes[at] !== COLON || to - at > 6 || (which === 'with port' && to - at === 1)) return false
  let port = 0
  for (at++; at < to; at++) {
    if (!isDigit(bytes[at]!)) return false
    port = port * 10 + bytes[at]! - 0x30
  }
  return port <= 65535
}

function isPlain(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if (bytes[at] === PERCENT) return false
    if (at > from && bytes[at - 1] === SLASH && (bytes[at] === SLASH || bytes[at] === DOT)) return false
  }
  return true
}

function faultOfTarget(byte: number): string {
  if (byte === HASH) return 'the target has a fragment'
  if (byte === AT) return 'the target has userinfo'
  if (byte === CR || byte === LF) return 'the request line has no version'
  if (byte === SPACE) return 'the target is empty'
  return 'the target has a byte that no target may have'
}
