import { endpointOf } from './address.ts'
import { formatAddressRange } from './address-range.ts'
import { OwnPlaces } from './own-places.ts'
import type { Config } from './schema.ts'

/** What is right as it is written, and seldom meant: one line each, with what follows from it and the mend. */
export function warningsOf(config: Config): string[] {
  return [...trustInEverybody(config), ...adminAsServer(config)]
}

function trustInEverybody({ trustedProxies }: Config): string[] {
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

function adminAsServer({ admin, upstreams }: Config): string[] {
  if (admin === undefined || admin === 'off') return []
  const own = new OwnPlaces()
  const place = endpointOf({ ...admin, proxyProtocol: false })
  return upstreams.flatMap(({ name, servers }) =>
    servers
      .filter(({ endpoint }) => own.lead(endpoint, place))
      .map(
        ({ address }) =>
          `upstream ${name}: server ${address} is the admin API, which asks nobody who they are: whoever reaches the ` +
          "upstream's routes can read it",
      ),
  )
}
