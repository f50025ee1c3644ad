import type { TrustedProxy } from '../runtime/snapshot.ts'
import { anAddressRange, formatAddressRange, parseAddressRange } from './address-range.ts'
import { InvalidValue } from './error.ts'

/** As nginx writes whoever comes by a Unix socket. */
const unix = 'unix:'

/** Reads a range of addresses, or `unix:`. Throws InvalidValue. */
export function parseTrustedProxy(text: string): TrustedProxy {
  if (text === unix) return unix
  if (/^unix(?:$|:\/)/i.test(text)) throw new InvalidValue(anAddressRange, `write ${unix}, for all Unix sockets`)
  return parseAddressRange(text)
}

export function formatTrustedProxy(proxy: TrustedProxy): string {
  return proxy === unix ? unix : formatAddressRange(proxy)
}
