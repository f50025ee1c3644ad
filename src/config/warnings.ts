import { formatAddressRange } from './address-range.ts'
import type { Config } from './schema.ts'

/** What is right as it is written, and seldom meant: one line each, with what follows from it and the mend. */
export function warningsOf({ trustedProxies }: Config): string[] {
  return trustedProxies
    .filter((proxy) => proxy !== 'unix:')
    .filter(({ prefix }) => prefix === 0)
    .map((range) => {
      const everybody = `every ${range.octets.length === 4 ? 'IPv4' : 'IPv6'} address`
      return (
        `trustedProxies: ${formatAddressRange(range)} is ${everybody}, so that any client may choose the address by ` +
        'which it is logged, hashed and limited; list your own proxies only'
      )
    })
}
