import { randomBytes } from 'node:crypto'
import { ASTERISK, equalsIgnoringCase, lower, SLASH, TARGET, TOKEN } from '../../http1/bytes.ts'
import { FIELD_OVERHEAD, type Field, FieldKind } from '../hpack/field.ts'
import { FieldLines } from './field-lines.ts'
import { HeldBytes } from './held-bytes.ts'

const SPACE = Buffer.from(' ')
const CRLF = Buffer.from('\r\n')
const VERSION = Buffer.from(' HTTP/1.1\r\n')
const HOST = Buffer.from('host: ')
const COOKIE = Buffer.from('cookie: ')
const BETWEEN_CRUMBS = Buffer.from('; ')
const GET = Buffer.from('GET')
const CONNECT = Buffer.from('CONNECT')
const OPTIONS = Buffer.from('OPTIONS')
const TRAILERS = Buffer.from('trailers')
const WEBSOCKET = Buffer.from('websocket')
const UPGRADE = Buffer.from('connection: upgrade\r\nupgrade: ')

const bit = (kind: number) => 1 << kind

/**
 * Makes the head of an HTTP/1.1 request of a field block (RFC 9113 §8.3.1), for RequestHead to read: `:authority` becomes
 * Host, and the crumbs of Cookie become one line. What is wrong with a request of either protocol is left to RequestHead.
 */
export class RequestLines extends FieldLines {
  /** Whether it is an extended CONNECT (RFC 8441), which has become an Upgrade to the same protocol. */
  isExtendedConnect = false
  /** Whether there is a first line: no pseudo-field may follow. */
  #hasLine = false
  /** Which kinds of pseudo-fields there have been, and whether a Host has. */
  #seen = 0
  readonly #method = new HeldBytes()
  /** What the client thinks that it speaks; how it came is known. */
  readonly #scheme = new HeldBytes()
  readonly #authority = new HeldBytes()
  readonly #path = new HeldBytes()
  readonly #protocol = new HeldBytes()
  readonly #cookie = new HeldBytes()

  override begin(headSize: number): void {
    super.begin(headSize)
    this.isExtendedConnect = this.#hasLine = false
    this.#seen = 0
    this.#cookie.length = 0
  }

  override finish(): void {
    this.beginFields()
    const cookie = this.#cookie
    if (cookie.length > 0) {
      this.append(COOKIE, 0, COOKIE.length)
      this.append(cookie.bytes, 0, cookie.length)
      this.append(CRLF, 0, CRLF.length)
    }
    super.finish()
  }

  protected override special(field: Field): void {
    switch (field.kind) {
      case FieldKind.Method:
        return this.#pseudoField(field, this.#method)
      case FieldKind.Authority:
        return this.#pseudoField(field, this.#authority)
      case FieldKind.Path:
        return this.#pseudoField(field, this.#path)
      case FieldKind.Protocol:
        return this.#pseudoField(field, this.#protocol)
      case FieldKind.Scheme:
        return this.#pseudoField(field, this.#scheme)
      case FieldKind.Cookie:
        return this.#crumb(field)
      case FieldKind.Host:
        return this.#host(field)
      case FieldKind.Te:
        if (equalsIgnoringCase(field.bytes, field.nameEnd + 2, field.end - 2, TRAILERS)) return this.addLine(field)
        this.fault = 'TE is not trailers'
        return
      case FieldKind.WebSocketProof:
        return this.#proof(field)
      default:
        this.fault = ':status is for responses'
    }
  }

  #pseudoField(field: Field, held: HeldBytes): void {
    const { kind } = field
    if (this.#hasLine) this.fault = 'a pseudo-field follows other fields'
    else if ((this.#seen & bit(kind)) !== 0) this.fault = 'a pseudo-field is there twice'
    this.#seen |= bit(kind)
    if (this.fault === '' && this.admits(field.end - field.start))
      held.set(field.bytes, field.nameEnd + 2, field.end - 2)
  }

  /** A part of the Cookie field (§8.2.3). Each counts as a field does in HPACK: a sender can repeat one at no cost. */
  #crumb(field: Field): void {
    this.beginFields()
    const cookie = this.#cookie
    const from = field.nameEnd + 2
    const to = field.end - 2
    if (!this.admits(field.end - field.start + FIELD_OVERHEAD)) return
    if (cookie.length > 0) cookie.add(BETWEEN_CRUMBS, 0, BETWEEN_CRUMBS.length)
    cookie.add(field.bytes, from, to)
  }

  /** Host may only repeat what `:authority` says. */
  #host(field: Field): void {
    this.beginFields()
    const authority = this.#authority
    if ((this.#seen & bit(FieldKind.Host)) !== 0) this.fault = 'there is more than one Host'
    this.#seen |= bit(FieldKind.Host)
    if ((this.#seen & bit(FieldKind.Authority)) === 0) return this.addLine(field)
    const from = field.nameEnd + 2
    let isSame = field.end - 2 - from === authority.length
    for (let i = 0; isSame && i < authority.length; i++)
      isSame = lower(field.bytes[from + i]!) === lower(authority.bytes[i]!)
    if (!isSame) this.fault = 'Host is not what :authority is'
  }

  /** A WebSocket over HTTP/2 has no key of its client's: its server gets one of Limpet's. */
  #proof(field: Field): void {
    this.beginFields()
    if (!this.#isWebSocket) this.addLine(field)
    else this.admits(field.end - field.start)
  }

  protected override beginFields(): void {
    if (this.#hasLine || this.fault !== '' || this.isTooLarge) return
    this.#hasLine = true
    this.fault = this.#faultOfLine()
    if (this.fault === '') this.#writeLine()
  }

  /** What is wrong with the pseudo-fields; empty if nothing is (§8.3.1, §8.5; RFC 8441 §4). */
  #faultOfLine(): string {
    const seen = this.#seen
    const path = this.#path
    if ((seen & bit(FieldKind.Method)) === 0) return 'there is no :method'
    if (!this.#method.isMadeOf(TOKEN)) return ':method is not a token'
    const hasPath = (seen & bit(FieldKind.Path)) !== 0
    const hasScheme = (seen & bit(FieldKind.Scheme)) !== 0
    const hasAuthority = (seen & bit(FieldKind.Authority)) !== 0
    const isConnect = this.#method.equals(CONNECT)
    const isExtended = (seen & bit(FieldKind.Protocol)) !== 0
    if (isConnect && !hasAuthority) return 'CONNECT has no :authority'
    if (isConnect && !isExtended) return hasPath || hasScheme ? 'CONNECT has a :path or a :scheme' : ''
    if (isExtended && !isConnect) return ':protocol is for CONNECT'
    if (isExtended && !this.#protocol.isMadeOf(TOKEN)) return ':protocol is not a token'
    if (!hasScheme) return 'there is no :scheme'
    if (!this.#scheme.isMadeOf(TOKEN)) return ':scheme is empty, or has a byte that it may not have'
    if (!hasPath) return 'there is no :path'
    if (!path.isMadeOf(TARGET)) return ':path is empty, or has a byte that it may not have'
    const isAsterisk = path.length === 1 && path.bytes[0] === ASTERISK && this.#method.equals(OPTIONS)
    return path.bytes[0] === SLASH || isAsterisk ? '' : ':path does not begin with a slash'
  }

  #writeLine(): void {
    const isConnect = this.#method.equals(CONNECT)
    this.isExtendedConnect = (this.#seen & bit(FieldKind.Protocol)) !== 0
    if (this.isExtendedConnect) this.append(GET, 0, GET.length)
    else this.append(this.#method.bytes, 0, this.#method.length)
    this.append(SPACE, 0, SPACE.length)
    // RequestHead refuses CONNECT.
    const target = isConnect && !this.isExtendedConnect ? this.#authority : this.#path
    this.append(target.bytes, 0, target.length)
    this.append(VERSION, 0, VERSION.length)
    if ((this.#seen & bit(FieldKind.Authority)) !== 0) {
      this.append(HOST, 0, HOST.length)
      this.append(this.#authority.bytes, 0, this.#authority.length)
      this.append(CRLF, 0, CRLF.length)
    }
    if (this.isExtendedConnect) this.#writeUpgrade()
  }

  get #isWebSocket(): boolean {
    return this.isExtendedConnect && this.#protocol.equals(WEBSOCKET)
  }

  /** Over HTTP/2, a WebSocket has no key (RFC 8441 §5). HTTP/1.1 asks for one, and has no use for its value. */
  #writeUpgrade(): void {
    this.append(UPGRADE, 0, UPGRADE.length)
    this.append(this.#protocol.bytes, 0, this.#protocol.length)
    this.append(CRLF, 0, CRLF.length)
    if (!this.#isWebSocket) return
    const key = Buffer.from(`sec-websocket-key: ${randomBytes(16).toString('base64')}\r\n`)
    this.append(key, 0, key.length)
  }
}
