import { isIP } from 'node:net'
import { z } from 'zod'
import { InvalidValue } from '../error.ts'
import { text, whole } from '../field.ts'
import { parseHost } from '../host.ts'
import { resolverFields } from '../resolver.ts'
import { everySource } from './every-source.ts'

/** A host name in lower case, which may end with a dot: then no search domain is tried. */
function parseName(written: string): string {
  if (isIP(written) !== 0) throw new InvalidValue('a host name', `an address needs no DNS: write "${written}:80"`)
  const isWhole = written.length > 1 && written.endsWith('.')
  return isWhole ? `${parseHost(written.slice(0, -1))}.` : parseHost(written)
}

/** Addresses of a name in the DNS, or the servers of its SRV records. See docs/discovery/dns.md. */
export const DnsSource = z
  .strictObject({
    from: z.literal('dns').describe('The addresses of a name in the DNS.'),
    name: text(parseName, 'a host name').describe('The name that is looked up. With a final dot, no search domains.'),
    type: z
      .enum(['address', 'srv'])
      .prefault('address')
      .describe('Whether the name has addresses (A, AAAA), or SRV records, which name hosts, ports and weights.'),
    port: z
      .exactOptional(whole(1, 65_535))
      .describe('The port of each address. Default: 80. SRV records have their own.'),
    family: z
      .exactOptional(z.enum(['ipv4', 'ipv6']))
      .describe('Only addresses of this kind. Default: both, IPv6 only where this machine has such an address.'),
    ...resolverFields,
    ...everySource,
  })
  .check(({ value: { type, port }, issues }) => {
    if (type === 'address' || port === undefined) return
    issues.push({ code: 'custom', message: 'no port, since SRV records have their own', path: ['port'], input: port })
  })

export type DnsSource = z.output<typeof DnsSource>
