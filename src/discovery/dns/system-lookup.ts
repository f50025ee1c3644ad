import { ADDRCONFIG } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { type Found, familyOf } from './known-here.ts'

/** How long an answer of the system holds, which gives no TTL, in s. */
const TTL = 10

/** Looks a name up by the system, which may know other ways than the DNS: mDNS, this machine's own name. Undefined if it finds nothing. */
export async function findBySystem(host: string): Promise<Found | undefined> {
  const all = await lookup(host, { all: true, hints: ADDRCONFIG }).catch(() => [])
  const addresses = Object.groupBy(
    all.map(({ address }) => address),
    familyOf,
  )
  return all.length > 0 ? { addresses, ttl: TTL } : undefined
}
