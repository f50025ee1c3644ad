import type { LookupFunction } from 'node:net'
import type { Endpoint } from './snapshot.ts'

/** What node:net and node:tls connect to. */
export type ConnectOptions = Endpoint & { readonly lookup?: LookupFunction }

const known = new WeakMap<Endpoint, ConnectOptions>()

/**
 * How an endpoint is connected to: at the addresses that its name is known to have. Node.js tries them one after the other (RFC 8305),
 * and nothing is looked up.
 */
export function connectOptions(endpoint: Endpoint): ConnectOptions {
  if ('path' in endpoint || endpoint.addresses === undefined) return endpoint
  const options = known.get(endpoint) ?? optionsWith(endpoint, endpoint.addresses)
  known.set(endpoint, options)
  return options
}

function optionsWith(endpoint: Endpoint, addresses: readonly string[]): ConnectOptions {
  const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const lookup: LookupFunction = (host, { all: wantsAll }, answer) => {
    const [first] = all
    if (first === undefined) answer(new Error(`${host} has not been found yet`), '')
    else if (wantsAll) answer(null, all)
    else answer(null, first.address, first.family)
  }
  return { ...endpoint, lookup }
}

/** Whether connections to both go to the same place first. A name may have other addresses behind it. */
export function isSameEndpoint(one: Endpoint, other: Endpoint): boolean {
  if (one === other) return true
  if ('path' in one || 'path' in other) return 'path' in one && 'path' in other && one.path === other.path
  return one.host === other.host && one.port === other.port && one.addresses?.[0] === other.addresses?.[0]
}
