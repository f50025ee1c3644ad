import type { Balance, HashKey } from '../snapshot.ts'

/** What of a request a key can be made of. Texts hold one byte a character (Latin-1), as the request had them. */
export interface KeySubject {
  /** The client's, as text and as 4 or 16 octets. */
  readonly address: { readonly text: string; readonly octets: Uint8Array }
  /** The target from its path on, as the client wrote it: path and query. */
  readonly uri: string
  /** The path in its normal form, without the query. */
  readonly path: string
  /** The value of the first header of that name, which is in lower case. */
  header(name: string): string | undefined
}

const NO_KEY = new Uint8Array(0)

/**
 * The bytes that a policy's choice for a request is tied to: for `ip-hash` the octets of the client's address, for a
 * hash by a key what nginx's variable of that kind holds. Empty where the policy asks for no key, or the request has
 * none.
 */
export function keyFor(balance: Balance, subject: KeySubject): Uint8Array {
  if (balance.type === 'ip-hash') return subject.address.octets
  if (!('key' in balance)) return NO_KEY
  const text = keyText(balance.key, subject)
  return text === undefined || text === '' ? NO_KEY : Buffer.from(text, 'latin1')
}

function keyText(key: HashKey, subject: KeySubject): string | undefined {
  switch (key.from) {
    case 'address':
      return subject.address.text
    case 'uri':
      return subject.uri
    case 'path':
      return subject.path
    case 'header':
      return subject.header(key.name)
    case 'cookie':
      return cookieIn(subject.header('cookie') ?? '', key.name)
    case 'query':
      return parameterIn(subject.uri, key.name)
  }
}

/** The value of a cookie in a Cookie header (RFC 6265 §4.2), as it stands there. */
export function cookieIn(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}

/** The value of a parameter in a target's query, as it stands there: nothing is decoded. */
export function parameterIn(uri: string, name: string): string | undefined {
  const question = uri.indexOf('?')
  if (question < 0) return undefined
  for (const pair of uri.slice(question + 1).split('&')) {
    if (pair.startsWith(name) && pair[name.length] === '=') return pair.slice(name.length + 1)
  }
  return undefined
}
