import { endpointOf, formatAddress } from './address.ts'
import { formatPath, type KeyPath } from './key-path.ts'
import { LocalEndpoints } from './local-endpoints.ts'
import type { Config } from './schema.ts'
import type { Issue } from './validate.ts'

/** A server that is the proxy itself. `see` is the listener that it would connect to. */
interface Loop extends Issue {
  readonly see: KeyPath
  readonly hint: string
}

/**
 * The servers that are the proxy itself: a request to one of them would loop until a limit stops it. Takes the Config instead
 * of the file, because flags and variables can replace ports and servers.
 */
export function loops({ listeners, upstreams }: Config): Loop[] {
  const local = new LocalEndpoints()
  const listening = listeners.map(endpointOf)
  return upstreams.flatMap(({ name, servers }) =>
    servers.flatMap(({ address, endpoint }, index) => {
      const listener = listening.findIndex((each) => local.isReachedBy(endpoint, each))
      if (listener < 0) return []
      const see = ['listeners', listener]
      const place = `${formatPath(see)}, ${formatAddress(listening[listener]!)}`
      return [
        {
          path: ['upstreams', name, 'servers', index],
          message: `expected the address of a server, found ${address}, where the proxy itself listens (${place})`,
          hint: 'requests to it would loop',
          see,
        },
      ]
    }),
  )
}
