import type { TrustedProxy } from '../runtime/snapshot.ts'
import { anAddressRange, formatAddressRange, parseAddressRange } from './address-range.ts'
import { InvalidValue } from './error.ts'

/** nginx's name for clients that connect over a Unix socket. */
const unix = 'unix:'

/** Reads a range of addresses, or `unix:`. Throws InvalidValue. */
export function parseTrustedProxy(text: string): TrustedProxy {
  if (text === unix) return unix
  if (/^unix(?:$|:\/)/i.test(text))
    throw new InvalidValue(anAddressRange, `write ${unix}, which means all Unix sockets`)
  return parseAddressRange(text)
}

export function formatTrustedProxy(proxy: TrustedProxy): string {
  return proxy === unix ? unix : formatAddressRange(proxy)
}
