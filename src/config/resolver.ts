import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { parseAddress } from './address.ts'
import { formatDuration } from './duration.ts'
import { InvalidValue } from './error.ts'
import { durationFrom, written } from './field.ts'
import { parseIPv6 } from './host.ts'

const PORT = 53
const MOST = 16
const aResolver = 'the address of a DNS server, such as 10.0.0.2 or 10.0.0.2:53'

const ResolverAddress = written(z.string(aResolver), parseResolver, formatResolver)

/** Who is asked for names, and for how long answers hold: the same settings wherever names are looked up. */
export const resolverFields = {
  resolver: z
    .exactOptional(z.array(ResolverAddress).min(1, 'at least one DNS server').max(MOST, `at most ${MOST} DNS servers`))
    .describe('The DNS servers that are asked, in this order. Default: those of /etc/resolv.conf.'),
  ttl: z
    .strictObject({
      least: durationFrom(100)
        .prefault('1s')
        .describe('How long an answer holds at least, whatever its TTL: a TTL of 0 is looked up again after this.'),
      most: durationFrom(100).prefault('5m').describe('How long an answer holds at most, whatever its TTL.'),
    })
    .check(({ value: { least, most }, issues }) => {
      if (least <= most) return
      const message = `a duration of at least ${formatDuration(least)}, which is ttl.least`
      issues.push({ code: 'custom', message, path: ['most'], input: formatDuration(most) })
    })
    .prefault({})
    .describe('Bounds on the time after which a name is looked up again.'),
}

/** An IP address and a port, which defaults to 53. */
function parseResolver(text: string): { readonly host: string; readonly port: number } {
  const alone = isIPv4(text) ? text : parseIPv6(text.replace(/^\[(.*)\]$/, '$1'))
  if (alone !== undefined) return { host: alone, port: PORT }
  const endpoint = parseAddress(text)
  if ('path' in endpoint || !(isIPv4(endpoint.host) || endpoint.host.includes(':')))
    throw new InvalidValue(aResolver, 'write its IP address: nobody could be asked for its name')
  return endpoint
}

function formatResolver({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export type ResolverFields = z.output<z.ZodObject<typeof resolverFields>>
