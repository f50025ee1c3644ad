import { COLON, COMMA, equalsIgnoringCase, isBlank, isDigit, UNDERSCORE } from '../http1/bytes.ts'
import { FieldName } from '../http1/field-name.ts'
import type { Head } from '../http1/head.ts'
import { type IpAddress, parseIpAddress } from '../runtime/ip-address.ts'
import type { ClientAddressSource } from '../runtime/snapshot.ts'
import { ForwardedElement, startOfLastElement } from './forwarded-element.ts'

/** A list to which each proxy on a request's way adds where it got the request from; it is read from the right. */
export interface ForwardingChain {
  /** The field that contains it. */
  readonly field: number
  /** The field that says by which scheme the request came; its last member was written by the last proxy. */
  readonly schemeField: number
  /** Where the last member of `bytes[from, to)` begins. */
  startOfLast(bytes: Uint8Array, from: number, to: number): number
  /** The address that a member names; undefined if it names none. */
  addressIn(bytes: Buffer, from: number, to: number): IpAddress | undefined
  /** Whether a member says that the request came by HTTPS; undefined if it does not say. */
  isSecure(bytes: Uint8Array, from: number, to: number): boolean | undefined
}

const element = new ForwardedElement()

const chains: Readonly<Record<ClientAddressSource, ForwardingChain>> = {
  'x-forwarded-for': {
    field: FieldName.XForwardedFor,
    schemeField: FieldName.XForwardedProto,
    startOfLast(bytes, from, to) {
      let at = to
      while (at > from && bytes[at - 1] !== COMMA) at--
      return at
    },
    addressIn: addressOfNode,
    isSecure: isSecureScheme,
  },
  forwarded: {
    field: FieldName.Forwarded,
    schemeField: FieldName.Forwarded,
    startOfLast: startOfLastElement,
    addressIn(bytes, from, to) {
      return element.parse(bytes, from, to) ? addressOfNode(bytes, element.forStart, element.forEnd) : undefined
    },
    isSecure(bytes, from, to) {
      return element.parse(bytes, from, to) ? isSecureScheme(bytes, element.protoStart, element.protoEnd) : undefined
    },
  },
}

export function forwardingChain(source: ClientAddressSource): ForwardingChain {
  return chains[source]
}

/** Whether a request says in such a chain that it came to the last proxy by HTTPS; undefined if it does not say. */
export function saysSecure(chain: ForwardingChain, head: Head): boolean | undefined {
  const field = head.findLast(chain.schemeField)
  if (field < 0) return undefined
  const { bytes } = head
  const to = head.valueEnd(field)
  const from = chain.startOfLast(bytes, head.valueStart(field), to)
  return chain.isSecure(bytes, withoutLeadingSpace(bytes, from, to), to)
}

/** No address is longer, with its brackets and its port. */
const LONGEST_NODE = 64

/** Reads a node (RFC 7239 §6): an address, in brackets or not, with a port or not. */
function addressOfNode(bytes: Buffer, from: number, to: number): IpAddress | undefined {
  if (to - from > LONGEST_NODE) return undefined
  const text = bytes.toString('latin1', from, to)
  if (text.startsWith('[')) {
    const close = text.indexOf(']')
    const address = text.slice(1, Math.max(1, close))
    return address.includes(':') && isPort(text, close + 1) ? parseIpAddress(address) : undefined
  }
  const colon = text.indexOf(':')
  // More than one: IPv6 without brackets.
  if (colon < 0 || text.includes(':', colon + 1)) return parseIpAddress(text)
  return isPort(text, colon) ? parseIpAddress(text.slice(0, colon)) : undefined
}

/** Whether the text ends at offset `at`, or goes on with a colon and a port: 1 to 65535, or obfuscated (`_hidden`). */
function isPort(text: string, at: number): boolean {
  if (at === text.length) return true
  const digits = text.length - at - 1
  if (text.charCodeAt(at) !== COLON || digits === 0) return false
  if (text.charCodeAt(at + 1) === UNDERSCORE) return true
  if (digits > 5) return false
  for (let i = at + 1; i < text.length; i++) {
    if (!isDigit(text.charCodeAt(i))) return false
  }
  const port = Number(text.slice(at + 1))
  return port >= 1 && port <= 65_535
}

/** Some proxies write `wss` for a WebSocket. */
const secureSchemes = ['https', 'wss'].map((scheme) => Buffer.from(scheme))

function isSecureScheme(bytes: Uint8Array, from: number, to: number): boolean | undefined {
  if (from === to) return undefined
  return secureSchemes.some((scheme) => equalsIgnoringCase(bytes, from, to, scheme))
}

/** Where `bytes[from, to)` begins, its leading white space left out. */
export function withoutLeadingSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && isBlank(bytes[at]!)) at++
  return at
}

/** Where `bytes[from, to)` ends, its trailing white space left out. */
export function withoutTrailingSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && isBlank(bytes[at - 1]!)) at--
  return at
}
