import { z } from 'zod'
import { anAddressRange } from './address-range.ts'
import { written } from './field.ts'
import { formatTrustedProxy, parseTrustedProxy } from './trusted-proxy.ts'

/** The keys that decide which address a client has. docs/client-address.md explains how they work together. */

const TrustedProxy = written(z.string(anAddressRange), parseTrustedProxy, formatTrustedProxy)

export const TrustedProxies = z
  .array(TrustedProxy)
  .check(({ value, issues }) => {
    const ranges = value.map(formatTrustedProxy)
    for (const [index, range] of ranges.entries()) {
      if (ranges.indexOf(range) === index) continue
      issues.push({ code: 'custom', message: 'each range once', path: [index], input: range })
    }
  })
  .prefault([])
  .describe(
    'The proxies in front of Limpet whose forwarding headers are trusted: addresses, ranges (CIDR), or unix: for all connections over a Unix socket.',
  )

export const ClientAddressFrom = z
  .enum(['x-forwarded-for', 'forwarded'])
  .prefault('x-forwarded-for')
  .describe("The header in which trusted proxies send the client's address. The other header is never trusted.")

export const ProxyProtocolIn = z
  .boolean()
  .prefault(false)
  .describe('Whether each connection starts with a PROXY header, version 1 or 2. A connection without one is closed.')

export const ProxyProtocolOut = z
  .exactOptional(z.enum(['v1', 'v2']))
  .describe(
    'The version of the PROXY header that Limpet sends at the start of each connection to a server. Default: none.',
  )
