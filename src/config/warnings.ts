import { acmeWarnings } from './acme-warnings.ts'
import { formatAddressRange } from './address-range.ts'
import { LocalEndpoints } from './local-endpoints.ts'
import type { Config } from './schema.ts'

/** Settings that are valid but probably a mistake: one line each, with the consequence and the fix. */
export function warningsOf(config: Config): string[] {
  return [...trustInEveryone(config), ...adminAsServer(config), ...unusedFields(config), ...acmeWarnings(config)]
}

function trustInEveryone({ trustedProxies }: Config): string[] {
  return trustedProxies
    .filter((proxy) => proxy !== 'unix:')
    .filter(({ prefix }) => prefix === 0)
    .map((range) => {
      const everyone = `every ${range.octets.length === 4 ? 'IPv4' : 'IPv6'} address`
      return (
        `trustedProxies: ${formatAddressRange(range)} is ${everyone}, so any client can forge the address that is logged, ` +
        'hashed and limited; list only your own proxies'
      )
    })
}

function adminAsServer({ admin, upstreams }: Config): string[] {
  if (admin === undefined || admin === 'off' || admin.tokens !== undefined) return []
  const local = new LocalEndpoints()
  const place = 'socket' in admin ? { path: admin.socket } : { host: admin.address, port: admin.port }
  const verb = 'socket' in admin ? 'change' : 'read'
  return upstreams.flatMap(({ name, servers }) =>
    servers
      .filter(({ endpoint }) => local.isReachedBy(endpoint, place))
      .map(
        ({ address }) =>
          `upstream ${name}: server ${address} is the admin API, which has no authentication: any client of the ` +
          `upstream's routes can ${verb} it`,
      ),
  )
}

function unusedFields({ accessLog: { format, fields } }: Config): string[] {
  if (fields === undefined || format === 'json' || format === 'off') return []
  return [`accessLog: fields has no effect on the format ${format}; write format: json, or leave it out`]
}
