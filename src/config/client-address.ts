import { z } from 'zod'
import { anAddressRange } from './address-range.ts'
import { written } from './field.ts'
import { formatTrustedProxy, parseTrustedProxy } from './trusted-proxy.ts'

/** The keys that say how it is known who a client is; docs/client-address.md tells what they mean together. */

const TrustedProxy = written(z.string(anAddressRange), parseTrustedProxy, formatTrustedProxy)

export const TrustedProxies = z
  .array(TrustedProxy)
  .check(({ value, issues }) => {
    const ranges = value.map(formatTrustedProxy)
    for (const [index, range] of ranges.entries()) {
      if (ranges.indexOf(range) === index) continue
      issues.push({ code: 'custom', message: 'a range that is not in the list yet', path: [index], input: range })
    }
  })
  .prefault([])
  .describe(
    'The proxies in front of Limpet, by address or range (CIDR), or unix: for all that come by a Unix socket: what they say of the client is believed.',
  )

export const ClientAddressFrom = z
  .enum(['x-forwarded-for', 'forwarded'])
  .prefault('x-forwarded-for')
  .describe('The header in which trusted proxies write the address of the client. The other one is never believed.')

export const ProxyProtocolIn = z
  .boolean()
  .prefault(false)
  .describe('Whether each connection begins with a PROXY header, version 1 or 2. Without one it is closed.')

export const ProxyProtocolOut = z
  .exactOptional(z.enum(['v1', 'v2']))
  .describe('The version of the PROXY header with which each connection to a server begins. Left out: none.')
